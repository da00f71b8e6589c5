//! The line editor, by what a terminal shows and what is read.

use std::fmt;

use line::{Editor, Input, LONGEST};
use proptest::collection::vec as several;
use proptest::prelude::*;

/// A terminal that knows printable characters, backspace and line ends, and wraps like one:
/// behind the last column the cursor goes to the next row, and backspace never goes up.
struct Terminal {
    columns: usize,
    rows: Vec<Vec<char>>,
    column: usize,
    /// Rows above the line that is typed.
    done: usize,
    ended: Vec<String>,
}

impl Terminal {
    fn new(columns: usize) -> Self {
        Self {
            columns,
            rows: vec![Vec::new()],
            column: 0,
            done: 0,
            ended: Vec::new(),
        }
    }

    /// The line that is typed, its rows joined.
    fn shown(&self) -> String {
        let line: String = self.rows[self.done..].iter().flatten().collect();
        line.trim_end().to_owned()
    }

    fn put(&mut self, character: char) {
        if self.column == self.columns {
            self.rows.push(Vec::new());
            self.column = 0;
        }
        let row = self.rows.last_mut().expect("there is one");
        if self.column < row.len() {
            row[self.column] = character;
        } else {
            row.push(character);
        }
        self.column += 1;
    }
}

impl fmt::Write for Terminal {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            match character {
                '\x08' => self.column = self.column.saturating_sub(1),
                '\n' => {
                    self.ended.push(self.shown());
                    self.done = self.rows.len();
                    self.rows.push(Vec::new());
                    self.column = 0;
                }
                ' '..='~' => self.put(character),
                other => panic!("{other:?} is shown"),
            }
        }
        Ok(())
    }
}

/// What comes of `bytes`, up to the end of the input, and the lines shown.
fn session(bytes: &[u8]) -> (Vec<String>, Vec<String>) {
    session_on(usize::MAX, bytes)
}

/// The same on a terminal of so many columns.
fn session_on(columns: usize, bytes: &[u8]) -> (Vec<String>, Vec<String>) {
    let mut editor = Editor::new();
    let mut terminal = Terminal::new(columns);
    let mut bytes = bytes.iter().copied().chain(std::iter::repeat(4));
    let mut inputs = Vec::new();
    loop {
        let mut source = || bytes.next().expect("endless");
        let input = match editor.read(&mut source, &mut terminal) {
            Input::Line(line) => line.to_owned(),
            Input::TooLong(length) => format!("too long: {length}"),
            Input::Garbage(byte) => format!("garbage: {byte:#x}"),
            Input::End => return (inputs, terminal.ended),
        };
        inputs.push(input);
    }
}

#[test]
fn a_burst_of_lines_is_read_whole_and_echoed_after_the_prompt() {
    let (inputs, shown) = session(b"frames\nheap\r\n\nregions\r");
    assert_eq!(inputs, ["frames", "heap", "", "regions"]);
    assert_eq!(shown, ["> frames", "> heap", ">", "> regions", ">"]);
}

#[test]
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
        assert_eq!(shown[0], format!("> {line}"), "{bytes:?}");
    }
}

#[test]
fn the_history_is_walked_with_up_and_down() {
    let (inputs, shown) = session(b"first one\nsecond\ndra\x1b[A\x1b[A\x1b[B\x1b[B\x1b[A\n");
    assert_eq!(inputs, ["first one", "second", "second"]);
    assert_eq!(shown[2], "> second");
}

#[test]
fn ctrl_c_drops_the_line_and_ctrl_d_ends_an_empty_one_only() {
    let (inputs, shown) = session(b"frames\x03heap\x04\n");
    assert_eq!(inputs, ["heap"]);
    assert_eq!(shown, ["> frames^C", "> heap", ">"]);
}

#[test]
fn a_line_of_100_000_characters_is_counted_and_the_next_one_is_whole() {
    let mut bytes = vec![b'x'; 100_000];
    bytes.extend(b"\nheap\n");
    assert_eq!(session(&bytes).0, ["too long: 100000", "heap"]);
    let mut exact = vec![b'x'; LONGEST + 1];
    exact.extend(b"\x7f\n");
    assert_eq!(session(&exact).0[0].len(), LONGEST);
}

#[test]
fn a_line_with_garbage_names_its_first_byte() {
    let (inputs, _) = session(b"he\xffa\x00p\nheap\n");
    assert_eq!(inputs, ["garbage: 0xff", "heap"]);
}

#[test]
fn an_emptied_or_replaced_line_is_new_in_every_respect() {
    let long = vec![b'x'; LONGEST + 6];
    let all_taken = vec![0x7f; LONGEST + 6];
    let from_its_start = [b"\x01".to_vec(), b"\x1b[3~".repeat(LONGEST)].concat();
    for bad in [&long[..], "é".as_bytes(), b"\0", b"h\xff"] {
        for emptied in [&b"\x15"[..], &all_taken, &from_its_start, b"\x03"] {
            let (inputs, shown) = session(&[bad, emptied, b"frames\n"].concat());
            assert_eq!(inputs, ["frames"]);
            assert_eq!(shown[shown.len() - 2], "> frames");
        }
        let (inputs, _) = session(&[b"heap\n", bad, b"\x1b[A\n"].concat());
        assert_eq!(inputs, ["heap", "heap"], "replaced by one of the history");
        let (inputs, _) = session(&[b"heap\n", bad, b"\x1b[A\x1b[B\n"].concat());
        assert_ne!(inputs[1], "heap");
        assert!(
            inputs[1].contains(": "),
            "the draft comes back as bad as it was"
        );
        let (inputs, _) = session(&[b"heap\n", bad, b"\x04\x1b[A\x1b[B\x15\n\x1b[A\n"].concat());
        assert_eq!(inputs, ["heap", "", "heap"]);
    }
    let (inputs, shown) = session("frémes\x7f\x7f\x7f\x7fames\n".as_bytes());
    assert_eq!((&inputs[0][..], &shown[0][..]), ("frames", "> frames"));
}

#[test]
fn a_dropped_line_does_not_leave_the_history_half_way_back() {
    let (inputs, _) = session(b"one\ntwo\n\x1b[A\x1b[A\x03\x1b[A\n");
    assert_eq!(inputs, ["one", "two", "two"]);
    let (inputs, _) = session(b"one\ntwo\n\x1b[A\x1b[A\xff\n\x1b[A\n");
    assert_eq!(inputs, ["one", "two", "garbage: 0xff", "two"]);
}

#[test]
fn a_byte_order_mark_at_the_head_of_a_script_is_skipped() {
    let (inputs, shown) = session(b"\xef\xbb\xbfframes\n");
    assert_eq!((&inputs[0][..], &shown[0][..]), ("frames", "> frames"));
}

#[test]
fn the_last_16_lines_come_back_and_repetitions_take_no_place() {
    let mut bytes = Vec::new();
    for letter in b'a'..=b'q' {
        bytes.extend([letter, b'\n']);
    }
    bytes.extend(b"q\n\n");
    bytes.extend(b"\x1b[A".repeat(20));
    bytes.push(b'\n');
    assert_eq!(session(&bytes).0.last().map(String::as_str), Some("b"));
}

/// What is typed at random: letters, keys of editing, and what may stand in a line but not be run.
fn typed() -> impl Strategy<Value = Vec<u8>> {
    let keys: [&[u8]; 13] = [
        b"\x7f",
        b"\x1b[D",
        b"\x1b[D",
        b"\x1b[C",
        b"\x1b[3~",
        b"\x01",
        b"\x05",
        b"\x1b[A",
        b"\x1b[B",
        b"\x15",
        b"\x1b[8;0;0t",
        b"\xc3\xa9",
        b"\n",
    ];
    let keys = prop::sample::select(keys.map(<[u8]>::to_vec).to_vec());
    let letters = "[ -~]{1,12}".prop_map(String::into_bytes);
    several(prop_oneof![2 => letters, 3 => keys], 0..60).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn whatever_is_typed_the_echo_shows_the_line(typed in typed()) {
        let (inputs, shown) = session(&[&typed[..], b"\n"].concat());
        for (input, shown) in inputs.iter().zip(&shown) {
            if !input.contains("garbage: ") {
                let line = format!("> {input}");
                prop_assert_eq!(shown, line.trim_end());
            }
        }
    }

    /// Lines that wrap were garbled by the first key that edited them.
    #[test]
    fn a_narrow_terminal_shows_the_same_lines(typed in typed(), columns in 4..30_usize) {
        let mark = format!("\x1b[8;24;{columns}t");
        let reports = String::from_utf8_lossy(&typed).replace("\x1b[8;0;0t", &mark);
        let narrow = [mark.as_bytes(), reports.as_bytes(), b"\n"].concat();
        let wide = [&typed[..], b"\n"].concat();
        prop_assert_eq!(session_on(columns, &narrow), session(&wide));
    }
}
