//! The lines that were typed before, the last few of them.

use heapless::Deque;

use crate::line::Line;

/// Lines that are remembered.
const REMEMBERED: usize = 16;

/// What was typed before, and which of it is looked at.
#[derive(Debug)]
pub(crate) struct History {
    /// The oldest first.
    lines: Deque<Line, REMEMBERED>,
    /// How many lines back the shown line lies; 0 if none of them is shown.
    back: usize,
    /// What was typed before the first look back.
    draft: Line,
}

impl History {
    pub(crate) const fn new() -> Self {
        Self {
            lines: Deque::new(),
            back: 0,
            draft: Line::new(),
        }
    }

    /// Stops looking back.
    pub(crate) fn leave(&mut self) {
        self.back = 0;
    }

    /// Remembers a line, unless it is empty or the same as the last one.
    pub(crate) fn push(&mut self, line: &Line) {
        if line.is_empty() || self.lines.back() == Some(line) {
            return;
        }
        if self.lines.is_full() {
            self.lines.pop_front();
        }
        // There is room: the oldest line has just made it.
        let _ = self.lines.push_back(line.clone());
    }

    /// The line before the one that is looked at. `typed` comes back later.
    pub(crate) fn before(&mut self, typed: &Line) -> Option<Line> {
        let line = self.lines.iter().rev().nth(self.back)?.clone();
        if self.back == 0 {
            self.draft = typed.clone();
        }
        self.back += 1;
        Some(line)
    }

    /// The line after the one that is looked at; after the last one, what was
    /// typed before the first look back.
    pub(crate) fn after(&mut self) -> Option<Line> {
        self.back = self.back.checked_sub(1)?;
        Some(match self.back.checked_sub(1) {
            Some(back) => self.lines.iter().rev().nth(back)?.clone(),
            None => self.draft.clone(),
        })
    }
}
