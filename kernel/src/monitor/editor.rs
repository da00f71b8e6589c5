//! Line editing over a dumb byte stream: bytes in, a line out, echo beside it.
//!
//! The echo uses printable characters, backspace and line ends only, so it
//! works on any terminal, on the screen, and reads well in a pipe. The library
//! `noline` is not used for that reason: it asks the terminal where the cursor
//! is, and takes what comes next for the answer, which in a pipe is the next
//! command. Others keep lines on the heap; the monitor has to work when the
//! last frame is gone. The price: a line that is edited should fit the
//! terminal's width.
//!
//! What must always hold: at every moment the echo shows the whole line, with
//! the cursor `cursor` characters into it.

use super::history::{History, Line};
use super::keys::{Key, Keys};
use super::output::Output;

/// What stands at the start of a line while the monitor waits for a command.
pub const PROMPT: &str = "> ";

/// What the user has entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input<'a> {
    /// A line of printable ASCII.
    Line(&'a str),
    /// A line of so many characters, more than there may be.
    TooLong(u64),
    /// A line with this byte in it, which is no text.
    Garbage(u8),
    /// The end of the input, on an empty line.
    End,
}

/// Reads lines.
#[derive(Debug)]
pub struct Editor {
    keys: Keys,
    line: Line,
    cursor: usize,
    /// Characters that the line had no room for.
    surplus: u64,
    /// The first byte of the line that is no text.
    garbage: Option<u8>,
    history: History,
}

impl Editor {
    /// An editor without a history.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            keys: Keys::new(),
            line: Line::new(),
            cursor: 0,
            surplus: 0,
            garbage: None,
            history: History::new(),
        }
    }

    /// Prompts, and takes bytes from `source` until a line is complete.
    pub fn read(&mut self, source: &mut dyn FnMut() -> u8, out: &mut Output<'_>) -> Input<'_> {
        self.begin(out);
        loop {
            let Some(key) = self.keys.advance(source()) else {
                continue;
            };
            match key {
                Key::Enter => {
                    self.show_rest(out);
                    writeln!(out);
                    return self.entered();
                }
                Key::EndOfInput if self.is_untouched() => {
                    writeln!(out);
                    return Input::End;
                }
                Key::Cancel => {
                    self.show_rest(out);
                    writeln!(out, "^C");
                    self.begin(out);
                }
                key => self.edit(key, out),
            }
        }
    }

    fn begin(&mut self, out: &mut Output<'_>) {
        self.line.clear();
        self.cursor = 0;
        self.surplus = 0;
        self.garbage = None;
        write!(out, "{PROMPT}");
    }

    fn is_untouched(&self) -> bool {
        self.line.is_empty() && self.surplus == 0 && self.garbage.is_none()
    }

    fn entered(&mut self) -> Input<'_> {
        if let Some(byte) = self.garbage {
            return Input::Garbage(byte);
        }
        if self.surplus > 0 {
            return Input::TooLong(self.line.len() as u64 + self.surplus);
        }
        self.history.push(&self.line);
        // The line holds ASCII alone, see `Keys`.
        Input::Line(core::str::from_utf8(&self.line).unwrap_or_default())
    }

    fn edit(&mut self, key: Key, out: &mut Output<'_>) {
        match key {
            Key::Character(byte) => self.insert(byte, out),
            Key::Backspace if self.surplus > 0 => self.surplus -= 1,
            Key::Backspace if self.cursor > 0 => {
                self.left(1, out);
                self.remove(1, out);
            }
            Key::Delete | Key::EndOfInput if self.cursor < self.line.len() => self.remove(1, out),
            Key::Clear => {
                let count = self.cursor;
                self.left(count, out);
                self.remove(count, out);
            }
            Key::Left if self.cursor > 0 => self.left(1, out),
            Key::Right if self.cursor < self.line.len() => self.right(1, out),
            Key::Home => self.left(self.cursor, out),
            Key::End => self.show_rest(out),
            Key::Up => {
                if let Some(line) = self.history.before(&self.line) {
                    self.replace(line, out);
                }
            }
            Key::Down => {
                if let Some(line) = self.history.after() {
                    self.replace(line, out);
                }
            }
            Key::Garbage(byte) => self.garbage = self.garbage.or(Some(byte)),
            Key::Backspace
            | Key::Delete
            | Key::EndOfInput
            | Key::Left
            | Key::Right
            | Key::Enter
            | Key::Cancel => {}
        }
    }

    fn insert(&mut self, byte: u8, out: &mut Output<'_>) {
        if self.line.insert(self.cursor, byte).is_err() {
            self.surplus += 1;
            return;
        }
        let cursor = self.cursor + 1;
        self.show_rest(out);
        self.left(self.cursor - cursor, out);
    }

    /// Takes away the next `count` characters from the cursor on.
    fn remove(&mut self, count: usize, out: &mut Output<'_>) {
        let cursor = self.cursor;
        drop(self.line.drain(cursor..cursor + count));
        self.show_rest(out);
        out.repeat(" ", count);
        out.repeat("\x08", count);
        self.left(self.cursor - cursor, out);
    }

    fn replace(&mut self, line: Line, out: &mut Output<'_>) {
        self.left(self.cursor, out);
        let blank = self.line.len().saturating_sub(line.len());
        self.line = line;
        self.show_rest(out);
        out.repeat(" ", blank);
        out.repeat("\x08", blank);
    }

    fn left(&mut self, count: usize, out: &mut Output<'_>) {
        out.repeat("\x08", count);
        self.cursor -= count;
    }

    fn right(&mut self, count: usize, out: &mut Output<'_>) {
        let passed = &self.line[self.cursor..self.cursor + count];
        // Writing what stands there moves the cursor over it.
        write!(out, "{}", core::str::from_utf8(passed).unwrap_or_default());
        self.cursor += count;
    }

    /// Moves to the end of the line.
    fn show_rest(&mut self, out: &mut Output<'_>) {
        self.right(self.line.len() - self.cursor, out);
    }
}

impl Default for Editor {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;
