//! What the terminal shows of the line that is typed.
//!
//! The echo uses printable characters, backspace and line ends only, so it works on any terminal,
//! on the screen, and reads well in a pipe. Each change is found by comparing what is shown with
//! what should be.
//!
//! Backspace does not lead up into a line that the terminal has wrapped. So where the terminal's
//! width is known, a longer line is shown in part, in a window that moves with the cursor; once
//! it is entered, all of it is.
//!
//! What must always hold: `shown` stands behind the prompt, the terminal's cursor `cursor`
//! characters into it.

use core::fmt;

use heapless::Vec;

use crate::editor::PROMPT;
use crate::line::{LONGEST, is_printable};

/// The echo of a line.
#[derive(Debug)]
pub(crate) struct Echo {
    shown: Vec<u8, LONGEST>,
    cursor: usize,
    /// The first character of the line in the window.
    start: usize,
    /// Characters that the window has room for, if it is known.
    room: Option<usize>,
}

impl Echo {
    pub(crate) const fn new() -> Self {
        Self {
            shown: Vec::new(),
            cursor: 0,
            start: 0,
            room: None,
        }
    }

    /// The terminal has so many columns, 0 if nobody knows.
    pub(crate) fn set_width(&mut self, columns: u16) {
        // The cursor stands behind the last character, and must not wrap either.
        let room = usize::from(columns).saturating_sub(PROMPT.len() + 1).max(1);
        self.room = (columns > 0).then_some(room);
    }

    /// Prompts for a new line.
    pub(crate) fn begin(&mut self, out: &mut dyn fmt::Write) {
        self.shown.clear();
        (self.cursor, self.start) = (0, 0);
        put(out, PROMPT);
    }

    /// Shows the line, as far as the window reaches, and the cursor in it.
    pub(crate) fn show(&mut self, line: &[u8], cursor: usize, out: &mut dyn fmt::Write) {
        let room = self.room.unwrap_or(LONGEST);
        let half = (room / 2).max(1);
        if line.len() <= room {
            self.start = 0;
        } else if cursor < self.start || cursor > self.start + room {
            self.start = cursor.saturating_sub(half);
        }
        let end = line.len().min(self.start + room);
        self.draw(&line[self.start..end], out);
        self.move_to(cursor - self.start, out);
    }

    /// Shows the whole line, and ends it.
    pub(crate) fn end(&mut self, line: &[u8], why: &str, out: &mut dyn fmt::Write) {
        self.draw(line, out);
        self.move_to(line.len(), out);
        put(out, why);
        put(out, "\n");
    }

    /// Draws what differs.
    fn draw(&mut self, line: &[u8], out: &mut dyn fmt::Write) {
        let same = (self.shown.iter().zip(line)).take_while(|(old, new)| old == new);
        let same = same.count();
        if same == self.shown.len().max(line.len()) {
            return;
        }
        self.move_to(same, out);
        let gone = self.shown.len().saturating_sub(line.len());
        self.shown.truncate(same);
        // There is room: a line is not longer.
        let _ = self.shown.extend_from_slice(&line[same..]);
        self.move_to(line.len(), out);
        repeat(" ", gone, out);
        repeat("\x08", gone, out);
    }

    /// Moves the terminal's cursor; to the right by writing what stands there.
    fn move_to(&mut self, cursor: usize, out: &mut dyn fmt::Write) {
        repeat("\x08", self.cursor.saturating_sub(cursor), out);
        if let Some(passed) = self.shown.get(self.cursor..cursor) {
            for part in passed.chunk_by(|a, b| is_printable(a) && is_printable(b)) {
                let text = core::str::from_utf8(part).ok();
                put(out, text.filter(|_| is_printable(&part[0])).unwrap_or("?"));
            }
        }
        self.cursor = cursor;
    }
}

/// Writes text. What a terminal does not take is lost: there is nowhere else to show it.
fn put(out: &mut dyn fmt::Write, text: &str) {
    let _ = out.write_str(text);
}

fn repeat(text: &str, times: usize, out: &mut dyn fmt::Write) {
    (0..times).for_each(|_| put(out, text));
}
