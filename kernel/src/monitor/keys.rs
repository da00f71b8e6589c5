//! From bytes to keys, over a dumb byte stream.
//!
//! Terminals send CR for Enter, pipes send LF, and pasted text CR LF; all three
//! end one line. Arrows and their like come as escape sequences (ECMA-48, 5.4):
//! `ESC [`, parameters, one final byte; or `ESC O` and one byte. A sequence that
//! means nothing here is swallowed, and one that a line end cuts off is
//! forgotten, so that garbage never takes the next line with it.

/// What one or several bytes mean to the line editor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// A printable ASCII character; a tab counts as a space.
    Character(u8),
    /// The end of the line.
    Enter,
    /// Takes away what stands left of the cursor.
    Backspace,
    /// Takes away what stands under the cursor.
    Delete,
    /// One character to the left.
    Left,
    /// One character to the right.
    Right,
    /// To the start of the line.
    Home,
    /// To the end of the line.
    End,
    /// The line before, in the history.
    Up,
    /// The line after, in the history.
    Down,
    /// Takes away all that stands left of the cursor: Ctrl-U.
    Clear,
    /// Drops the line: Ctrl-C.
    Cancel,
    /// The end of the input: Ctrl-D.
    EndOfInput,
    /// A byte that no key and no text sends.
    Garbage(u8),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Text,
    /// After a CR: an LF belongs to it.
    CarriageReturn,
    Escape,
    /// After `ESC [`; the first parameter so far.
    Sequence(u8),
    /// After `ESC O`.
    Single,
}

/// Turns bytes into keys.
#[derive(Debug)]
pub(super) struct Keys {
    state: State,
}

impl Keys {
    /// At the start of the input.
    #[must_use]
    pub(super) const fn new() -> Self {
        Self { state: State::Text }
    }

    /// The key that `byte` completes, if it does.
    pub(super) fn advance(&mut self, byte: u8) -> Option<Key> {
        let state = core::mem::replace(&mut self.state, State::Text);
        match byte {
            b'\n' if state == State::CarriageReturn => None,
            b'\n' => Some(Key::Enter),
            b'\r' => {
                self.state = State::CarriageReturn;
                Some(Key::Enter)
            }
            0x03 => Some(Key::Cancel),
            0x04 => Some(Key::EndOfInput),
            0x1b => {
                self.state = State::Escape;
                None
            }
            _ => match state {
                State::Text | State::CarriageReturn => Some(plain(byte)),
                State::Escape => {
                    match byte {
                        b'[' => self.state = State::Sequence(0),
                        b'O' => self.state = State::Single,
                        _ => {}
                    }
                    None
                }
                State::Sequence(parameter) => self.sequence(parameter, byte),
                State::Single => named(byte),
            },
        }
    }

    /// A byte inside `ESC [ ...`.
    fn sequence(&mut self, parameter: u8, byte: u8) -> Option<Key> {
        match byte {
            b'0'..=b'9' => {
                let parameter = parameter.saturating_mul(10).saturating_add(byte - b'0');
                self.state = State::Sequence(parameter);
                None
            }
            b' '..=b'?' => {
                self.state = State::Sequence(parameter);
                None
            }
            b'~' => match parameter {
                1 | 7 => Some(Key::Home),
                3 => Some(Key::Delete),
                4 | 8 => Some(Key::End),
                _ => None,
            },
            b'@'..=b'}' => named(byte),
            _ => Some(Key::Garbage(byte)),
        }
    }
}

/// The key of a byte outside of all sequences.
fn plain(byte: u8) -> Key {
    match byte {
        b' '..=b'~' => Key::Character(byte),
        b'\t' => Key::Character(b' '),
        0x01 => Key::Home,
        0x05 => Key::End,
        0x08 | 0x7f => Key::Backspace,
        0x15 => Key::Clear,
        _ => Key::Garbage(byte),
    }
}

/// The key that a final byte names.
fn named(byte: u8) -> Option<Key> {
    match byte {
        b'A' => Some(Key::Up),
        b'B' => Some(Key::Down),
        b'C' => Some(Key::Right),
        b'D' => Some(Key::Left),
        b'F' => Some(Key::End),
        b'H' => Some(Key::Home),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn keys(bytes: &[u8]) -> Vec<Key> {
        let mut keys = Keys::new();
        bytes
            .iter()
            .filter_map(|&byte| keys.advance(byte))
            .collect()
    }

    #[test_case]
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

    #[test_case]
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

    #[test_case]
    fn a_sequence_without_a_meaning_is_swallowed_whole() {
        assert_eq!(
            keys(b"\x1b[200~x\x1b[?25hy\x1bcz"),
            [b'x', b'y', b'z'].map(Key::Character)
        );
    }

    #[test_case]
    fn a_line_end_breaks_a_sequence_off() {
        for bytes in [&b"\x1b\nx"[..], b"\x1b[12\nx", b"\x1bO\nx", b"\x1b\x1b[\nx"] {
            assert_eq!(keys(bytes), [Key::Enter, Key::Character(b'x')], "{bytes:?}");
        }
        assert_eq!(keys(b"\x1b[\x03\x04"), [Key::Cancel, Key::EndOfInput]);
    }

    #[test_case]
    fn what_no_key_sends_is_garbage() {
        for byte in [0, 0x02, 0x0e, 0x1f, 0x80, 0xff] {
            assert_eq!(keys(&[byte]), [Key::Garbage(byte)]);
        }
    }
}
