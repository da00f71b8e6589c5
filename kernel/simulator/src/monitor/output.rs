//! What a command answers, broken into lines as at the kernel's prompt.

use alloc::string::String;
use core::fmt::{self, Write};

/// Characters of the longest line of facts that has several of them.
const COLUMNS: usize = 76;

/// An answer.
#[derive(Debug, Default)]
pub(super) struct Output(pub(super) String);

impl Output {
    /// Writes formatted text; the work behind `write!` and `writeln!`.
    pub(super) fn write_fmt(&mut self, text: fmt::Arguments<'_>) {
        // A string takes every text.
        let _ = self.0.write_fmt(text);
    }

    /// Writes a line of facts. What does not fit in [`COLUMNS`] goes on, indented, in the next
    /// line.
    pub(super) fn facts(&mut self, text: &str) {
        for line in text.split('\n') {
            let mut column = 0;
            let mut rest = line;
            while !rest.is_empty() {
                let blanks = rest.len() - rest.trim_start().len();
                let end = rest[blanks..]
                    .find(' ')
                    .map_or(rest.len(), |end| blanks + end);
                let (mut word, behind) = rest.split_at(end);
                if column > 0 && column + word.len() > COLUMNS {
                    word = word.trim_start();
                    self.0.push_str("\n  ");
                    column = 2;
                }
                self.0.push_str(word);
                column += word.len();
                rest = behind;
            }
            self.0.push('\n');
        }
    }
}
