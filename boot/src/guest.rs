//! What `boot` tells the guest: one line of text, read through QEMU's fw_cfg.
//!
//! The line lies in the fw_cfg file [`CMDLINE_FILE`] as bytes without a closing
//! zero. No file, or no fw_cfg at all (real hardware), means the empty line.
//!
//! ```text
//! cmdline = [ word { " " word } ]          words in order, one space between
//! word    = key | key "=" value            a later word wins over an earlier one with the same key
//! key     = a-z, 0-9, "-"                  at least one
//! value   = printable ASCII without space  may be empty, may hold "="
//! ```
//!
//! `boot` itself writes `no-tour`, `tour=NAME`, `heap-guard`, `bench=UNIT` and
//! `bench-part=NAME` for the kernel, and
//! `filter=NAME` and `exact` for test kernels; `--cmdline` puts the
//! user's own words in front.

use anyhow::{Result, bail};

use crate::options::Options;

/// The name of the fw_cfg file that holds the line.
pub const CMDLINE_FILE: &str = "opt/faultline/cmdline";

/// How many bytes of it the kernel reads.
pub const LONGEST_CMDLINE: usize = 4096;

/// The line for the guest, empty when there is nothing to say.
///
/// # Errors
/// A word that the grammar does not allow, with what would be right.
pub fn cmdline(options: &Options) -> Result<String> {
    let mut words = Vec::new();
    for word in options.cmdline.as_deref().unwrap_or("").split_whitespace() {
        check_word("--cmdline", word)?;
        words.push(word.to_owned());
    }
    if options.no_tour || options.run.is_some() {
        words.push("no-tour".to_owned());
    }
    if let Some(name) = &options.tour {
        let word = format!("tour={name}");
        check_word("--tour", &word)?;
        words.push(word);
    }
    if options.heap_guard {
        words.push("heap-guard".to_owned());
    }
    if options.bench_guest {
        words.push("bench=instructions".to_owned());
    }
    if let Some(filter) = &options.filter {
        if filter.is_empty() || !filter.bytes().all(|byte| byte.is_ascii_graphic()) {
            bail!(
                "the test filter {filter:?} can match no test: it is part of a test's path, such as `heap::grows`"
            );
        }
        words.push(format!("filter={filter}"));
    }
    if options.exact {
        words.push("exact".to_owned());
    }
    let line = words.join(" ");
    if line.len() > LONGEST_CMDLINE {
        bail!(
            "the options for the guest have {} bytes, and it reads at most {LONGEST_CMDLINE}",
            line.len()
        );
    }
    Ok(line)
}

fn check_word(option: &str, word: &str) -> Result<()> {
    let key = word.split_once('=').map_or(word, |(key, _value)| key);
    let key_is_right = !key.is_empty()
        && key
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    if !key_is_right || !word.bytes().all(|byte| byte.is_ascii_graphic()) {
        bail!(
            "{option}: {word:?} is no option for the guest: write `key` or `key=value`, \
             the key of a-z, 0-9 and -, the value of printable ASCII"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn line(arguments: &[&str]) -> Result<String> {
        cmdline(&Options::parse_from(
            ["boot", "kernel"].iter().chain(arguments),
        ))
    }

    #[test]
    fn nothing_asked_for_is_the_empty_line() {
        assert_eq!(line(&[]).unwrap(), "");
    }

    #[test]
    fn the_users_words_come_before_those_of_the_test_options() {
        let line = line(&["heap", "--exact", "--cmdline", "no-tour  seed=7=x"]);
        assert_eq!(line.unwrap(), "no-tour seed=7=x filter=heap exact");
    }

    #[test]
    fn the_kernels_own_options_are_words() {
        assert_eq!(line(&["--no-tour"]).unwrap(), "no-tour");
        assert_eq!(line(&["--run", "a b"]).unwrap(), "no-tour");
        assert_eq!(line(&["--heap-guard"]).unwrap(), "heap-guard");
        assert_eq!(line(&["--tour", "zero"]).unwrap(), "tour=zero");
        assert_eq!(
            line(&["--bench-guest", "--no-tour"]).unwrap(),
            "no-tour bench=instructions"
        );
        let error = line(&["--tour", "two words"]).unwrap_err().to_string();
        assert!(error.contains("--tour: \"tour=two words\""), "{error}");
    }

    #[test]
    fn a_word_outside_the_grammar_is_refused_and_named() {
        for word in ["Tour", "=x", "a_b", "key=ü"] {
            let error = line(&["--cmdline", word]).unwrap_err().to_string();
            assert!(error.contains(&format!("{word:?}")), "{error}");
            assert!(error.contains("key=value"), "{error}");
        }
    }

    #[test]
    fn a_line_that_the_kernel_would_cut_off_is_refused() {
        let longest = "a".repeat(LONGEST_CMDLINE);
        assert_eq!(line(&["--cmdline", &longest]).unwrap(), longest);
        let error = line(&["--cmdline", &longest, "x"]).unwrap_err().to_string();
        assert!(
            error.contains("4105 bytes") && error.contains("4096"),
            "{error}"
        );
    }

    #[test]
    fn a_filter_with_a_space_is_refused() {
        let error = line(&["a b"]).unwrap_err().to_string();
        assert!(error.contains("\"a b\""), "{error}");
    }
}
