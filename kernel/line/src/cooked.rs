//! Lines for a program that reads a terminal, as Linux makes them in its canonical
//! mode: nothing is read before the line is complete.
//!
//! ```text
//! bytes ─> line that is typed ─ Enter or Ctrl-D ─> line that is read, bit by bit
//!             └─> echo
//! ```
//!
//! A program may ask for each byte as it comes instead, and for no echo ([`Modes`]).
//!
//! What must always hold: while there is something to read, no byte is taken, so that
//! what is typed behind the last line stays where it is, for others.

use heapless::Vec;

/// Bytes of a line at most, with its end. More are dropped (Linux keeps 4096).
pub const LONGEST: usize = 1024;

const END_OF_INPUT: u8 = 0x04;
const BACKSPACE: [u8; 2] = [0x08, 0x7f];
const CLEAR: u8 = 0x15;

/// What takes a character off the screen.
const RUB_OUT: &[u8] = b"\x08 \x08";

/// How a program wants its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Modes {
    /// Line by line, not byte by byte.
    pub lines: bool,
    /// What is typed is shown.
    pub echo: bool,
    /// A CR is read as LF.
    pub return_is_newline: bool,
}

impl Modes {
    /// Those of a terminal that nobody has changed.
    pub const FIRST: Self = Self {
        lines: true,
        echo: true,
        return_is_newline: true,
    };
}

/// The input of programs.
#[derive(Debug)]
pub struct Cooked {
    line: Vec<u8, LONGEST>,
    /// How many of its bytes were read.
    read: usize,
    /// The line is complete.
    is_complete: bool,
    /// The last byte was a CR; an LF behind it belongs to it.
    after_return: bool,
    /// How it is wanted.
    modes: Modes,
}

impl Cooked {
    /// Nothing was typed.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            line: Vec::new(),
            read: 0,
            is_complete: false,
            after_return: false,
            modes: Modes::FIRST,
        }
    }

    /// Whether a read has something to return: bytes, or the end of the input.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Takes a byte that was typed, while nothing is there to be read. `echo` gets what
    /// the terminal is to show.
    pub fn take(&mut self, byte: u8, echo: &mut dyn FnMut(&[u8])) {
        debug_assert!(!self.is_complete);
        let Modes {
            lines, echo: shows, ..
        } = self.modes;
        let mut show = |bytes: &[u8]| {
            if shows {
                echo(bytes);
            }
        };
        let was_return = core::mem::replace(&mut self.after_return, byte == b'\r');
        match byte {
            b'\n' if was_return && self.modes.return_is_newline => {}
            b'\r' if self.modes.return_is_newline => self.end(&mut show),
            b'\n' => self.end(&mut show),
            END_OF_INPUT if lines => self.is_complete = true,
            byte if lines && BACKSPACE.contains(&byte) => self.take_back(&mut show),
            CLEAR if lines => {
                while !self.line.is_empty() {
                    self.take_back(&mut show);
                }
            }
            // There is always room for the end.
            _ if self.line.len() + 1 < LONGEST => {
                let _ = self.line.push(byte);
                self.is_complete = !lines;
                match byte {
                    // Ctrl with a letter, shown as two characters.
                    0..b' ' if byte != b'\t' => show(&[b'^', byte + b'@']),
                    _ => show(&[byte]),
                }
            }
            _ => {}
        }
    }

    /// Takes the end of the line.
    fn end(&mut self, show: &mut dyn FnMut(&[u8])) {
        let _ = self.line.push(b'\n');
        self.is_complete = true;
        show(b"\n");
    }

    /// Takes the last character of the line back.
    fn take_back(&mut self, show: &mut dyn FnMut(&[u8])) {
        while let Some(byte) = self.line.pop() {
            // The bytes behind the first one of a character in UTF-8 go with it.
            if byte & 0xc0 == 0x80 {
                continue;
            }
            show(RUB_OUT);
            if byte < b' ' && byte != b'\t' {
                show(RUB_OUT);
            }
            return;
        }
    }

    /// Changes how input is wanted. What was typed of a line can be read then, if lines
    /// are not waited for any more.
    pub fn set_modes(&mut self, modes: Modes) {
        self.modes = modes;
        self.is_complete |= !modes.lines && !self.line.is_empty();
    }

    /// The bytes that can be read now; none of a complete line is the end of the input.
    #[must_use]
    pub fn rest(&self) -> &[u8] {
        if self.is_complete {
            &self.line[self.read..]
        } else {
            &[]
        }
    }

    /// Notes that so many of them were read. When all were, the next line begins.
    pub fn consume(&mut self, count: usize) {
        self.read += count;
        if self.read >= self.line.len() {
            self.line.clear();
            self.read = 0;
            self.is_complete = false;
        }
    }
}

impl Default for Cooked {
    fn default() -> Self {
        Self::new()
    }
}
