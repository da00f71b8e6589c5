//! Lines come to a program as they come on Linux: whole, and corrected.

use line::{Cooked, Modes};

/// What is read, and what was shown, after these bytes were typed; each line is read
/// when it is complete.
fn typed(bytes: &[u8]) -> (Vec<Vec<u8>>, Vec<u8>) {
    let (mut cooked, mut lines, mut shown) = (Cooked::new(), vec![], vec![]);
    for byte in bytes {
        cooked.take(*byte, &mut |echo| shown.extend_from_slice(echo));
        if cooked.is_complete() {
            lines.push(cooked.rest().to_vec());
            cooked.consume(cooked.rest().len());
        }
    }
    (lines, shown)
}

fn lines(bytes: &[u8]) -> Vec<String> {
    let (lines, _) = typed(bytes);
    lines
        .into_iter()
        .map(|line| String::from_utf8(line).unwrap())
        .collect()
}

#[test]
fn a_line_is_read_with_its_end_however_the_terminal_ends_it() {
    assert_eq!(
        lines(b"one\rtwo\nthree\r\nfour\r\r"),
        ["one\n", "two\n", "three\n", "four\n", "\n"]
    );
    assert_eq!(typed(b"ab\r").1, b"ab\n");
}

#[test]
fn nothing_is_read_of_a_line_that_is_not_complete() {
    let mut cooked = Cooked::new();
    cooked.take(b'x', &mut |_| ());
    assert_eq!((cooked.is_complete(), cooked.rest()), (false, &[][..]));
}

#[test]
fn what_is_taken_back_is_not_read_and_leaves_the_screen() {
    assert_eq!(lines(b"abc\x7f\x08x\n"), ["ax\n"]);
    assert_eq!(lines("zü\x7fu\n".as_bytes()), ["zu\n"]);
    assert_eq!(lines(b"all\x15new\n\x7f\n"), ["new\n", "\n"]);
    assert_eq!(typed(b"a\x7f\x7f").1, b"a\x08 \x08");
    assert_eq!(typed(b"\x01\x7f").1, b"^A\x08 \x08\x08 \x08");
}

#[test]
fn the_end_of_the_input_completes_what_is_there() {
    assert_eq!(lines(b"\x04"), [""]);
    assert_eq!(lines(b"ab\x04c\n"), ["ab", "c\n"]);
}

#[test]
fn a_line_is_read_bit_by_bit_before_the_next_is_taken() {
    let mut cooked = Cooked::new();
    b"abc\n"
        .iter()
        .for_each(|byte| cooked.take(*byte, &mut |_| ()));
    cooked.consume(2);
    assert_eq!((cooked.is_complete(), cooked.rest()), (true, &b"c\n"[..]));
    cooked.consume(2);
    assert_eq!((cooked.is_complete(), cooked.rest()), (false, &[][..]));
}

#[test]
fn a_line_that_is_too_long_loses_its_end_and_keeps_its_line_end() {
    let (read, _) = typed(&[&[b'x'; 3000][..], b"\n"].concat());
    assert_eq!(read.len(), 1);
    assert_eq!(read[0].len(), line::LONGEST_INPUT);
    assert_eq!(read[0].last(), Some(&b'\n'));
}

#[test]
fn without_lines_each_byte_is_read_as_it_comes() {
    let modes = Modes {
        lines: false,
        echo: false,
        return_is_newline: false,
    };
    let (mut cooked, mut shown) = (Cooked::new(), vec![]);
    cooked.take(b'a', &mut |_| ());
    cooked.set_modes(modes);
    assert_eq!(cooked.rest(), b"a");
    cooked.consume(1);
    for byte in *b"b\x7f\x04\x15\r\n" {
        cooked.take(byte, &mut |echo| shown.extend_from_slice(echo));
        assert_eq!(cooked.rest(), [byte]);
        cooked.consume(1);
    }
    assert_eq!(shown, b"");
}
