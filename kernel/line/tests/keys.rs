//! From bytes to keys: line ends, arrows, and sequences made by the grammar of ECMA-48.

use line::keys::{Key, Keys};
use proptest::collection::vec;
use proptest::prelude::*;

fn keys(bytes: &[u8]) -> Vec<Key> {
    let mut keys = Keys::new();
    bytes.iter().flat_map(|&byte| keys.advance(byte)).collect()
}

/// The keys of plain text.
fn text(text: &str) -> Vec<Key> {
    text.bytes().map(Key::Character).collect()
}

#[test]
fn every_kind_of_line_end_ends_one_line() {
    let expected = [
        Key::Character(b'a'),
        Key::Enter,
        Key::Character(b'b'),
        Key::Enter,
    ];
    assert_eq!(keys(b"a\nb\n"), expected);
    assert_eq!(keys(b"a\rb\r"), expected);
    assert_eq!(keys(b"a\r\nb\r\n"), expected);
    assert_eq!(keys(b"\n\n\r\r"), [Key::Enter; 4]);
}

#[test]
fn arrows_come_in_both_dialects() {
    let expected = [
        Key::Up,
        Key::Down,
        Key::Right,
        Key::Left,
        Key::Home,
        Key::End,
    ];
    assert_eq!(keys(b"\x1b[A\x1b[B\x1b[C\x1b[D\x1b[H\x1b[F"), expected);
    assert_eq!(keys(b"\x1bOA\x1bOB\x1bOC\x1bOD\x1bOH\x1bOF"), expected);
    assert_eq!(
        keys(b"\x1b[1~\x1b[3~\x1b[4~"),
        [Key::Home, Key::Delete, Key::End]
    );
    assert_eq!(keys(b"\x1b[1;5C"), [Key::Right]);
}

#[test]
fn the_terminals_width_is_a_report_and_no_key() {
    assert_eq!(keys(b"\x1b[8;24;80t"), [Key::Width(80)]);
    assert_eq!(keys(b"\x1b[8;24t\x1b[4;24;80t\x1b[8;1;2;3t"), []);
    assert_eq!(keys(b"\x1b[8;24;99999999t"), [Key::Width(u16::MAX)]);
}

/// Each of these typed letters into the line once.
#[test]
fn what_terminals_send_by_themselves_is_swallowed_whole() {
    for bytes in [
        &b"\x1b[[A"[..], // F1 to F5 of a Linux console
        b"\x1b[[E",
        b"\x1b]0;a title\x07",                       // OSC, as xterm ends it
        b"\x1b]11;rgb:1010/1414/1c1c\x1b\\",         // and as ECMA-48 does
        b"\x1bP1$r0m\x1b\\",                         // DCS
        b"\x1b_Gi=31;OK\x1b\\",                      // APC
        b"\x1b^private\x1b\\",                       // PM
        b"\x1bXa string\x07 goes on\x1bA\x1b\x1b\\", // SOS, which only ST ends
        b"\x1b[M !!",                                // a mouse report of X10
        b"\x1b[M#\xe3\xff",
        b"\x1b[<0;12;5M\x1b[<0;12;5m", // of SGR
        b"\x1b[32;12;5M",              // of urxvt
        b"\x1b[3$",                    // a shifted key of rxvt
        b"\x1b[3^\x1b[a\x1bOa",        // its others
        b"\x1b[?1;2$y",                // a report of a mode
        b"\x1b[200~\x1b[I\x1b[O",      // pasting begins, the window gets and loses the focus
        b"\x1bOP\x1bNx",               // SS3 and SS2
        b"\x1b(B\x1b c\x1bc\x1b7",     // two and three characters
        b"\x1bx\x1b\xc3\xa9\x1b\x7f",  // Alt with x, with an accented letter, with backspace
        b"\xef\xbb\xbf",               // a byte order mark
    ] {
        let bytes = [b"a", bytes, b"frames"].concat();
        let shown = String::from_utf8_lossy(&bytes).into_owned();
        assert_eq!(keys(&bytes), text("aframes"), "{shown:?}");
    }
}

#[test]
fn a_line_end_breaks_a_sequence_off() {
    for begun in [
        "\x1b",
        "\x1b[12",
        "\x1bO",
        "\x1b\x1b[",
        "\x1b[[",
        "\x1b[M",
        "\x1b[M!",
        "\x1b]0;",
        "\x1bP",
        "\x1bX\x1b",
        "\x1b[?1$",
        "\x1b(",
    ] {
        let bytes = format!("{begun}\nx");
        assert_eq!(
            keys(bytes.as_bytes()),
            [Key::Enter, Key::Character(b'x')],
            "{begun:?}"
        );
        let bytes = format!("{begun}\x03{begun}\x04x");
        assert_eq!(
            keys(bytes.as_bytes()),
            [Key::Cancel, Key::EndOfInput, Key::Character(b'x')],
            "{begun:?}"
        );
    }
}

#[test]
fn what_no_key_sends_is_garbage_and_a_letter_beyond_ascii_is_one() {
    for byte in [0, 0x02, 0x0e, 0x1f, 0x80, 0xff] {
        assert_eq!(keys(&[byte]), [Key::Garbage(byte)]);
    }
    assert_eq!(
        keys("é€😀".as_bytes()),
        [0xc3, 0xe2, 0xf0].map(Key::Garbage)
    );
}

#[test]
fn a_letter_that_is_broken_off_takes_nothing_with_it() {
    assert_eq!(
        keys(b"\xefa\xc3\n\xef\xbb\xc3\xa9"),
        [
            Key::Garbage(0xef),
            Key::Character(b'a'),
            Key::Garbage(0xc3),
            Key::Enter,
            Key::Garbage(0xef),
            Key::Garbage(0xc3),
        ]
    );
}

fn bytes(range: std::ops::RangeInclusive<u8>, most: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(range, 0..=most)
}

fn joined(parts: [Vec<u8>; 4]) -> Vec<u8> {
    parts.concat()
}

/// A sequence by the grammar of ECMA-48, fifth edition, in its 7-bit form. What it leaves to
/// private use, and terminals use otherwise, is listed in the test above: `ESC [ [`, `ESC [ M`,
/// `ESC [ n $`.
fn sequence() -> impl Strategy<Value = Vec<u8>> {
    // 5.4: parameter bytes 03/00 to 03/15, intermediate 02/00 to 02/15, final 04/00 to 07/14.
    let control = (
        bytes(0x30..=0x3f, 12),
        bytes(0x20..=0x2f, 3),
        0x40..=0x7e_u8,
    )
        .prop_filter("it has another form", |(parameters, between, last)| {
            let is_number = !parameters.is_empty() && parameters.iter().all(u8::is_ascii_digit);
            let is_bare = parameters.is_empty() && between.is_empty();
            !(is_bare && matches!(last, b'[' | b'M') || is_number && between.first() == Some(&b'$'))
        })
        .prop_map(|(parameters, between, last)| {
            joined([b"\x1b[".to_vec(), parameters, between, vec![last]])
        });
    // 5.6.1: a command string is 00/08 to 00/13 and 02/00 to 07/14. Line ends break it off here.
    let in_command = prop_oneof![8 => 0x20..=0x7e_u8, 1 => Just(0x09), 1 => Just(0x0b)];
    let command = (
        prop::sample::select(b"P]^_".to_vec()),
        vec(in_command, 0..40),
    )
        .prop_map(|(kind, text)| joined([vec![0x1b, kind], text, b"\x1b\\".to_vec(), vec![]]));
    // 5.6.2: a character string is anything but SOS and ST.
    let in_string = any::<u8>().prop_filter("it breaks a string off, or begins ST", |byte| {
        !matches!(byte, b'\n' | b'\r' | 0x03 | 0x04 | 0x1b)
    });
    let string = vec(in_string, 0..40)
        .prop_map(|text| joined([b"\x1bX".to_vec(), text, b"\x1b\\".to_vec(), vec![]]));
    // ECMA-35, 13.2: ESC, intermediate bytes, a final byte 03/00 to 07/14.
    let escape = (bytes(0x20..=0x2f, 3), 0x30..=0x7e_u8)
        .prop_filter("it begins something longer", |(between, last)| {
            !between.is_empty() || !b"[]PX^_NO".contains(last)
        })
        .prop_map(|(between, last)| joined([vec![0x1b], between, vec![last], vec![]]));
    // 8.3.141 and 8.3.142: SS2 and SS3, and one character of another set.
    let single = (prop::sample::select(b"NO".to_vec()), 0x20..=0x7e_u8)
        .prop_map(|(kind, byte)| vec![0x1b, kind, byte]);
    let function =
        (0x41..=0x45_u8).prop_map(|byte| joined([b"\x1b[[".to_vec(), vec![byte], vec![], vec![]]));
    let mouse = [0x20..=0xff_u8, 0x21..=0xff, 0x21..=0xff]
        .prop_map(|report| joined([b"\x1b[M".to_vec(), report.to_vec(), vec![], vec![]]));
    let rxvt = (1..=34_u8).prop_map(|key| format!("\x1b[{key}$").into_bytes());
    prop_oneof![
        control, command, string, escape, single, function, mouse, rxvt
    ]
}

proptest! {
    #[test]
    fn sequences_of_the_grammar_type_no_letter(
        parts in vec((sequence(), "[ -~]{0,8}"), 1..8)
    ) {
        let mut typed = Vec::new();
        let mut expected = String::new();
        for (sequence, plain) in &parts {
            typed.extend(sequence);
            typed.extend(plain.bytes());
            expected.push_str(plain);
        }
        let letters = |key: &Key| matches!(key, Key::Character(_) | Key::Garbage(_) | Key::Enter);
        let found: Vec<_> = keys(&typed).into_iter().filter(letters).collect();
        prop_assert_eq!(found, text(&expected));
    }

    #[test]
    fn whatever_comes_the_line_after_it_is_whole(
        garbage in vec(any::<u8>(), 0..60), plain in "[ -~]{0,20}"
    ) {
        let typed = [&garbage, &b"\r\n"[..], plain.as_bytes(), b"\n"].concat();
        let found = keys(&typed);
        let expected = [text(&plain), vec![Key::Enter]].concat();
        prop_assert!(found.ends_with(&expected));
    }
}
