//! From bytes to keys, over a dumb byte stream.
//!
//! Terminals send CR for Enter, pipes send LF, and pasted text CR LF; all three end one line.
//! Other keys, and reports that some program before us has asked for, come as escape sequences
//! (ECMA-48). Each is swallowed whole, whether it means something here or not:
//!
//! ```text
//! ESC [ parameters intermediates final      control sequence: arrows, mouse reports (SGR)
//! ESC [ M  byte byte byte                   mouse report (X10)
//! ESC [ [  byte                             F1 to F5 of a Linux console
//! ESC [ number $                            a shifted key of rxvt, which ends without a final byte
//! ESC ] ... BEL    ESC ] P X ^ _ ... ESC \  strings: OSC, DCS, SOS, PM, APC
//! ESC N byte       ESC O byte               a character of another set, SS2 and SS3; arrows
//! ESC intermediates byte                    everything else; Alt with a key
//! ```
//!
//! What must always hold: a line end, Ctrl-C and Ctrl-D break off whatever has begun, so that
//! garbage never takes the next line with it. The parser `vte` is not used for that reason, and
//! because it reads what programs send to a terminal, where the second, third, fourth and sixth
//! of these have another form.

/// What one or several bytes mean to the line editor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
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
    /// No key: the terminal has so many columns. It is the report that xterm answers
    /// `CSI 18 t` with.
    Width(u16),
    /// A character that no command holds, by its first byte.
    Garbage(u8),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Text,
    /// After a CR: an LF belongs to it.
    CarriageReturn,
    /// Inside a character of UTF-8: what it counts as, how many bytes it lacks, its bits so far.
    Character(Option<Key>, u8, u32),
    /// After `ESC`.
    Escape,
    /// After `ESC` and an intermediate byte.
    Intermediate,
    /// After `ESC [`.
    Sequence(Parameters),
    /// Inside `ESC [ ...`: only the final byte is waited for.
    SequenceEnd,
    /// After `ESC N` or `ESC O`; whether the byte may name a key.
    Single(bool),
    /// After `ESC [ [`.
    LinuxFunction,
    /// After `ESC [ M`: so many bytes are to come.
    Mouse(u8),
    /// Inside a string; whether BEL ends it.
    String(bool),
    /// After `ESC` inside a string.
    StringEscape(bool),
}

/// The byte order mark, which some editors put at the head of a file.
const MARK: char = '\u{feff}';

/// Turns bytes into keys.
#[derive(Debug)]
pub struct Keys {
    state: State,
}

impl Keys {
    /// At the start of the input.
    #[must_use]
    pub const fn new() -> Self {
        Self { state: State::Text }
    }

    /// The keys that `byte` completes: none, one, or a broken character and one.
    pub fn advance(&mut self, byte: u8) -> impl Iterator<Item = Key> + use<> {
        let state = core::mem::replace(&mut self.state, State::Text);
        let broken = match state {
            State::Character(key, ..) if !is_continuation(byte) => key,
            _ => None,
        };
        [broken, self.key(state, byte)].into_iter().flatten()
    }

    fn key(&mut self, state: State, byte: u8) -> Option<Key> {
        let next = match (state, byte) {
            (State::CarriageReturn, b'\n') => return None,
            (_, b'\n') => return Some(Key::Enter),
            (_, b'\r') => {
                self.state = State::CarriageReturn;
                return Some(Key::Enter);
            }
            (_, 0x03) => return Some(Key::Cancel),
            (_, 0x04) => return Some(Key::EndOfInput),

            (State::String(true), 0x07) => State::Text,
            (State::String(bell) | State::StringEscape(bell), 0x1b) => State::StringEscape(bell),
            (State::StringEscape(_), b'\\') => State::Text,
            (State::String(bell) | State::StringEscape(bell), _) => State::String(bell),

            (_, 0x1b) => State::Escape,
            (State::Escape, b'[') => State::Sequence(Parameters::NONE),
            (State::Escape, b']') => State::String(true),
            (State::Escape, b'P' | b'X' | b'^' | b'_') => State::String(false),
            (State::Escape, b'N' | b'O') => State::Single(byte == b'O'),
            (State::Escape | State::Intermediate, b' '..=b'/') => State::Intermediate,
            (State::Escape, _) => character(byte, None).unwrap_or(State::Text),
            (State::Intermediate, b'0'..=b'~') => State::Text,

            (State::Sequence(parameters), _) => return self.sequence(parameters, byte),
            (State::SequenceEnd, b' '..=b'?') => State::SequenceEnd,
            (State::SequenceEnd, b'@'..=b'~') => State::Text,
            (State::Single(names), b' '..=b'~') => return named(byte).filter(|_| names),
            (State::LinuxFunction, b' '..=b'~') => State::Text,
            (State::Mouse(left), b' '..) => match left - 1 {
                0 => State::Text,
                left => State::Mouse(left),
            },

            (State::Character(key, left, bits), 0x80..=0xbf) => {
                let bits = bits << 6 | u32::from(byte & 0x3f);
                if left > 1 {
                    State::Character(key, left - 1, bits)
                } else {
                    // A byte order mark is a character without width or meaning.
                    return key.filter(|_| bits != u32::from(MARK));
                }
            }
            _ => match character(byte, Some(Key::Garbage(byte))) {
                Some(begun) => begun,
                None => return Some(plain(byte)),
            },
        };
        self.state = next;
        None
    }

    /// A byte inside `ESC [ ...`.
    fn sequence(&mut self, mut parameters: Parameters, byte: u8) -> Option<Key> {
        self.state = match byte {
            b'$' if parameters.is_one_number() => State::Text,
            b' '..=b'/' => State::SequenceEnd,
            b'0'..=b'?' => {
                parameters.push(byte);
                State::Sequence(parameters)
            }
            b'[' if parameters == Parameters::NONE => State::LinuxFunction,
            b'M' if parameters == Parameters::NONE => State::Mouse(3),
            b'@'..=b'~' => return parameters.key(byte),
            _ => return self.key(State::Text, byte),
        };
        None
    }
}

impl Default for Keys {
    fn default() -> Self {
        Self::new()
    }
}

/// What stands between `ESC [` and the rest of a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Parameters {
    numbers: [u16; 3],
    /// Parameters that have begun.
    count: u8,
    /// They are not numbers with `;` between them.
    is_private: bool,
}

impl Parameters {
    const NONE: Self = Self {
        numbers: [0; 3],
        count: 0,
        is_private: false,
    };

    fn push(&mut self, byte: u8) {
        match byte {
            b'0'..=b'9' => {
                self.count = self.count.max(1);
                if let Some(number) = self.numbers.get_mut(usize::from(self.count) - 1) {
                    *number = number
                        .saturating_mul(10)
                        .saturating_add((byte - b'0').into());
                }
            }
            b';' => self.count = self.count.max(1).saturating_add(1),
            _ => self.is_private = true,
        }
    }

    fn is_one_number(&self) -> bool {
        self.count == 1 && !self.is_private
    }

    /// The key of a sequence with these parameters and this final byte.
    fn key(&self, last: u8) -> Option<Key> {
        match (last, self.numbers) {
            _ if self.is_private => None,
            (b'~', [1 | 7, ..]) => Some(Key::Home),
            (b'~', [3, ..]) => Some(Key::Delete),
            (b'~', [4 | 8, ..]) => Some(Key::End),
            (b't', [8, _, columns]) if self.count == 3 => Some(Key::Width(columns)),
            _ => named(last),
        }
    }
}

const fn is_continuation(byte: u8) -> bool {
    matches!(byte, 0x80..=0xbf)
}

/// The state after the first byte of a character of several, which counts as `key`.
fn character(byte: u8, key: Option<Key>) -> Option<State> {
    let (left, bits) = match byte {
        0xc2..=0xdf => (1, byte & 0x1f),
        0xe0..=0xef => (2, byte & 0x0f),
        0xf0..=0xf4 => (3, byte & 0x07),
        _ => return None,
    };
    Some(State::Character(key, left, bits.into()))
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
