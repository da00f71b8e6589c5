//! Lines taken apart into words, as a shell would.

use line::words::{Unclosed, Words, unquoted};

/// The words of a line, and what they mean.
fn meant(line: &str) -> Vec<String> {
    let words = Words::of(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    words.map(|word| unquoted(word).collect()).collect()
}

#[test]
fn blanks_part_words_and_none_is_empty() {
    assert_eq!(meant("  run  hello\ta "), ["run", "hello", "a"]);
    assert_eq!(meant(""), [""; 0]);
    assert_eq!(meant(" \t "), [""; 0]);
}

#[test]
fn a_quoted_word_keeps_its_blanks_and_loses_its_quotes() {
    assert_eq!(meant(r#"run hello "a b" c"#), ["run", "hello", "a b", "c"]);
    assert_eq!(meant("sh -c 'a; b'"), ["sh", "-c", "a; b"]);
    assert_eq!(meant(r#"--name="a b"'c d'e"#), ["--name=a bc de"]);
    assert_eq!(meant(r#"a "" '' b"#), ["a", "", "", "b"]);
}

#[test]
fn a_quote_within_the_other_is_an_ordinary_character() {
    assert_eq!(meant(r#"'echo "a b"'"#), [r#"echo "a b""#]);
    assert_eq!(meant(r#""it's""#), ["it's"]);
}

#[test]
fn a_backslash_makes_the_next_character_an_ordinary_one() {
    assert_eq!(meant(r#"c\ d \# \\ \" \'"#), ["c d", "#", r"\", "\"", "'"]);
    assert_eq!(meant(r#""a\"b" "a\\b""#), ["a\"b", r"a\b"]);
    assert_eq!(meant(r#""a\nb" 'a\nb' 'a\'"#), [r"a\nb", r"a\nb", r"a\"]);
    assert_eq!(meant(r"a\"), [r"a\"], "nothing is behind it");
}

#[test]
fn a_word_that_begins_with_a_number_sign_ends_the_line() {
    assert_eq!(
        meant("alloc demand 4K # it's this"),
        ["alloc", "demand", "4K"]
    );
    assert_eq!(meant("#a"), [""; 0]);
    assert_eq!(meant("a#b '# c' \"#\""), ["a#b", "# c", "#"]);
}

#[test]
fn a_quote_that_is_not_closed_is_named() {
    for (line, quote) in [("run 'a b", '\''), ("a\"b 'c'", '"'), ("a '\\'' b", '\'')] {
        assert_eq!(Words::of(line).map(drop), Err(Unclosed(quote)), "{line}");
    }
}
