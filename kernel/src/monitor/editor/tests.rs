//! The line editor, by what a terminal shows and what is read.

use super::*;
use crate::monitor::LONGEST;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

/// One line of a terminal that knows printable characters and backspace.
#[derive(Default)]
struct Terminal {
    line: Vec<char>,
    cursor: usize,
    ended: Vec<String>,
}

impl fmt::Write for Terminal {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            match character {
                '\x08' => self.cursor = self.cursor.checked_sub(1).ok_or(fmt::Error)?,
                '\n' => {
                    self.ended.push(self.shown());
                    (self.line, self.cursor) = (Vec::new(), 0);
                }
                _ => {
                    self.line.truncate(self.cursor.max(self.line.len()));
                    if self.cursor == self.line.len() {
                        self.line.push(character);
                    } else {
                        self.line[self.cursor] = character;
                    }
                    self.cursor += 1;
                }
            }
        }
        Ok(())
    }
}

impl Terminal {
    fn shown(&self) -> String {
        self.line.iter().collect::<String>().trim_end().to_string()
    }
}

/// What comes of `bytes`, up to the end of the input, and the lines shown.
fn session(bytes: &[u8]) -> (Vec<String>, Vec<String>) {
    let mut editor = Editor::new();
    let mut terminal = Terminal::default();
    let mut bytes = bytes.iter().copied().chain(core::iter::repeat(4));
    let mut inputs = Vec::new();
    loop {
        let mut source = || bytes.next().expect("endless");
        let input = match editor.read(&mut source, &mut Output::new(&mut terminal)) {
            Input::Line(line) => line.to_string(),
            Input::TooLong(length) => alloc::format!("too long: {length}"),
            Input::Garbage(byte) => alloc::format!("garbage: {byte:#x}"),
            Input::End => return (inputs, terminal.ended),
        };
        inputs.push(input);
    }
}

#[test_case]
fn a_burst_of_lines_is_read_whole_and_echoed_after_the_prompt() {
    let (inputs, shown) = session(b"frames\nheap\r\n\nregions\r");
    assert_eq!(inputs, ["frames", "heap", "", "regions"]);
    assert_eq!(shown, ["> frames", "> heap", ">", "> regions", ">"]);
}

#[test_case]
fn a_line_can_be_mended_in_its_middle() {
    for (bytes, line) in [
        (&b"raed\x1b[D\x1b[D\x7f\x1b[Ca\n"[..], "read"),
        (b"ead\x01r\x05 1\n", "read 1"),
        (b"xread\x1b[H\x1b[3~\n", "read"),
        (b"xread\x01\x04\n", "read"),
        (b"write 5\x15read\n", "read"),
        (b"read 5\x1b[D\x15\n", "5"),
        (b"\x7f\x1b[D\x1b[C\x1b[3~a\n", "a"),
    ] {
        let (inputs, shown) = session(bytes);
        assert_eq!(inputs, [line], "{bytes:?}");
        assert_eq!(shown[0], alloc::format!("> {line}"), "{bytes:?}");
    }
}

#[test_case]
fn the_history_is_walked_with_up_and_down() {
    let (inputs, shown) = session(b"first one\nsecond\ndra\x1b[A\x1b[A\x1b[B\x1b[B\x1b[A\n");
    assert_eq!(inputs, ["first one", "second", "second"]);
    assert_eq!(shown[2], "> second");
}

#[test_case]
fn ctrl_c_drops_the_line_and_ctrl_d_ends_an_empty_one_only() {
    let (inputs, shown) = session(b"frames\x03heap\x04\n");
    assert_eq!(inputs, ["heap"]);
    assert_eq!(shown, ["> frames^C", "> heap", ">"]);
}

#[test_case]
fn a_line_of_100_000_characters_is_counted_and_the_next_one_is_whole() {
    let mut bytes = alloc::vec![b'x'; 100_000];
    bytes.extend(b"\nheap\n");
    assert_eq!(session(&bytes).0, ["too long: 100000", "heap"]);
    let mut exact = alloc::vec![b'x'; LONGEST + 1];
    exact.extend(b"\x7f\n");
    assert_eq!(session(&exact).0[0].len(), LONGEST);
}

#[test_case]
fn a_line_with_garbage_names_its_first_byte() {
    let (inputs, _) = session(b"he\xffa\x00p\nheap\n");
    assert_eq!(inputs, ["garbage: 0xff", "heap"]);
}

#[test_case]
fn whatever_is_typed_the_echo_shows_the_line() {
    const KEYS: [&[u8]; 11] = [
        b"a", b"bc", b"d", b"\x7f", b"\x1b[D", b"\x1b[C", b"\x1b[3~", b"\x01", b"\x05", b"\x1b[A",
        b"\x1b[B",
    ];
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut bytes = Vec::new();
    for _ in 0..60 {
        for _ in 0..40 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            bytes.extend(KEYS[(random % KEYS.len() as u64) as usize]);
        }
        bytes.push(b'\n');
    }
    let (inputs, shown) = session(&bytes);
    assert_eq!(inputs.len(), 60);
    for (input, shown) in inputs.iter().zip(&shown) {
        assert_eq!(*shown, alloc::format!("> {input}").trim_end());
    }
    assert!(inputs.iter().any(|input| input.len() > 10));
}
