//! Lines for a program that reads a terminal, as Linux makes them in its canonical
//! mode: nothing is read before the line is complete.
//!
//! ```text
//! bytes ─> line that is typed ─ Enter or Ctrl-D ─> line that is read, bit by bit
//!             └─> echo
//! ```
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
        let was_return = core::mem::replace(&mut self.after_return, byte == b'\r');
        match byte {
            b'\n' if was_return => {}
            b'\r' | b'\n' => {
                // There is always room for the end.
                let _ = self.line.push(b'\n');
                self.is_complete = true;
                echo(b"\n");
            }
            END_OF_INPUT => self.is_complete = true,
            byte if BACKSPACE.contains(&byte) => self.take_back(echo),
            CLEAR => {
                while !self.line.is_empty() {
                    self.take_back(echo);
                }
            }
            _ if self.line.len() + 1 < LONGEST => {
                let _ = self.line.push(byte);
                match byte {
                    // Ctrl with a letter, shown as two characters.
                    0..b' ' if byte != b'\t' => echo(&[b'^', byte + b'@']),
                    _ => echo(&[byte]),
                }
            }
            _ => {}
        }
    }

    /// Takes the last character of the line back.
    fn take_back(&mut self, echo: &mut dyn FnMut(&[u8])) {
        while let Some(byte) = self.line.pop() {
            // The bytes behind the first one of a character in UTF-8 go with it.
            if byte & 0xc0 == 0x80 {
                continue;
            }
            echo(RUB_OUT);
            if byte < b' ' && byte != b'\t' {
                echo(RUB_OUT);
            }
            return;
        }
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
