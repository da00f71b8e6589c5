//! The lines that were typed before, the last few of them.

use heapless::{Deque, Vec};

/// The longest line, in characters.
pub const LONGEST: usize = 1024;
/// Lines that are remembered.
const REMEMBERED: usize = 16;

/// The characters of a line: printable ASCII.
pub(super) type Line = Vec<u8, LONGEST>;

/// What was typed before, and which of it is looked at.
#[derive(Debug)]
pub(super) struct History {
    /// The oldest first.
    lines: Deque<Line, REMEMBERED>,
    /// How many lines back the shown line lies; 0 if none of them is shown.
    back: usize,
    /// What was typed before the first look back.
    draft: Line,
}

impl History {
    pub(super) const fn new() -> Self {
        Self {
            lines: Deque::new(),
            back: 0,
            draft: Vec::new(),
        }
    }

    /// Remembers a line, unless it is empty or the same as the last one, and
    /// stops looking back.
    pub(super) fn push(&mut self, line: &Line) {
        self.back = 0;
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
    pub(super) fn before(&mut self, typed: &Line) -> Option<Line> {
        let line = self.lines.iter().rev().nth(self.back)?.clone();
        if self.back == 0 {
            self.draft = typed.clone();
        }
        self.back += 1;
        Some(line)
    }

    /// The line after the one that is looked at; after the last one, what was
    /// typed before the first look back.
    pub(super) fn after(&mut self) -> Option<Line> {
        self.back = self.back.checked_sub(1)?;
        Some(match self.back.checked_sub(1) {
            Some(back) => self.lines.iter().rev().nth(back)?.clone(),
            None => self.draft.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Line {
        Line::from_slice(text.as_bytes()).expect("a short line")
    }

    #[test_case]
    fn lines_come_back_newest_first_and_then_the_draft() {
        let mut history = History::new();
        history.push(&line("one"));
        history.push(&line("two"));
        assert_eq!(history.before(&line("draft")), Some(line("two")));
        assert_eq!(history.before(&line("two")), Some(line("one")));
        assert_eq!(history.before(&line("one")), None);
        assert_eq!(history.after(), Some(line("two")));
        assert_eq!(history.after(), Some(line("draft")));
        assert_eq!(history.after(), None);
    }

    #[test_case]
    fn the_oldest_line_makes_room_and_repetitions_take_none() {
        let mut history = History::new();
        for number in 0..REMEMBERED as u8 + 1 {
            history.push(&line(
                core::str::from_utf8(&[b'a' + number]).expect("a letter"),
            ));
        }
        history.push(&line("q"));
        history.push(&line(""));
        let mut seen = 0;
        let mut last = line("");
        while let Some(before) = history.before(&last) {
            (seen, last) = (seen + 1, before);
        }
        assert_eq!((seen, last), (REMEMBERED, line("b")));
    }
}
