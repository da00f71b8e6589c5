//! Line editing over a dumb byte stream: bytes in, a line out, echo beside it.
//!
//! The library `noline` is not used: it asks the terminal where the cursor is, and takes what
//! comes next for the answer, which in a pipe is the next command. Others keep lines on the heap;
//! the monitor has to work when the last frame is gone.

use core::fmt;

use crate::echo::Echo;
use crate::history::History;
use crate::keys::{Key, Keys};
use crate::line::{Line, Unfit};

/// What stands at the start of a line while a command is waited for.
pub const PROMPT: &str = "> ";

/// What the user has entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input<'a> {
    /// A line of printable ASCII.
    Line(&'a str),
    /// A line of so many characters, more than there may be.
    TooLong(u64),
    /// A line with a character that no command holds; its first byte.
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
    history: History,
    echo: Echo,
}

impl Editor {
    /// An editor without a history.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            keys: Keys::new(),
            line: Line::new(),
            cursor: 0,
            history: History::new(),
            echo: Echo::new(),
        }
    }

    /// Prompts, and takes bytes from `source` until a line is complete.
    pub fn read(&mut self, source: &mut dyn FnMut() -> u8, out: &mut dyn fmt::Write) -> Input<'_> {
        self.begin(out);
        loop {
            // A key that ends the line is the last one of its byte.
            for key in self.keys.advance(source()) {
                match key {
                    Key::Enter => {
                        self.echo.end(self.line.bytes(), "", out);
                        return self.entered();
                    }
                    Key::EndOfInput if self.line.is_empty() => {
                        self.echo.end(self.line.bytes(), "", out);
                        return Input::End;
                    }
                    Key::Cancel => {
                        self.echo.end(self.line.bytes(), "^C", out);
                        self.begin(out);
                    }
                    key => {
                        if self.edit(key) {
                            self.echo.show(self.line.bytes(), self.cursor, out);
                        }
                    }
                }
            }
        }
    }

    fn begin(&mut self, out: &mut dyn fmt::Write) {
        self.replace(Line::new());
        self.history.leave();
        self.echo.begin(out);
    }

    fn entered(&mut self) -> Input<'_> {
        match self.line.text() {
            Ok(text) => {
                self.history.push(&self.line);
                Input::Line(text)
            }
            Err(Unfit::TooLong(length)) => Input::TooLong(length),
            Err(Unfit::Garbage(byte)) => Input::Garbage(byte),
        }
    }

    /// Does what a key asks for; false if nothing is to be shown of it.
    fn edit(&mut self, key: Key) -> bool {
        let (cursor, length) = (self.cursor, self.line.len());
        match key {
            Key::Character(byte) | Key::Garbage(byte) => {
                if !self.line.insert(cursor, byte) {
                    return false;
                }
                self.cursor += 1;
            }
            Key::Backspace if self.line.remove_surplus() => return false,
            Key::Backspace if cursor > 0 => {
                self.line.remove(cursor - 1..cursor);
                self.cursor -= 1;
            }
            Key::Delete | Key::EndOfInput if cursor < length => {
                self.line.remove(cursor..cursor + 1);
            }
            Key::Clear => {
                self.line.remove(0..cursor);
                self.cursor = 0;
            }
            Key::Left => self.cursor = cursor.saturating_sub(1),
            Key::Right => self.cursor = length.min(cursor + 1),
            Key::Home => self.cursor = 0,
            Key::End => self.cursor = length,
            Key::Up => {
                if let Some(line) = self.history.before(&self.line) {
                    self.replace(line);
                }
            }
            Key::Down => {
                if let Some(line) = self.history.after() {
                    self.replace(line);
                }
            }
            Key::Width(columns) => self.echo.set_width(columns),
            Key::Backspace | Key::Delete | Key::EndOfInput | Key::Enter | Key::Cancel => {
                return false;
            }
        }
        true
    }

    fn replace(&mut self, line: Line) {
        self.line = line;
        self.cursor = self.line.len();
    }
}

impl Default for Editor {
    fn default() -> Self {
        Self::new()
    }
}
