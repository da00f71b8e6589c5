//! Sentences of a tour between the lines of a program that runs: they begin with
//! `#`, and are broken between words; what explains is said once.

use core::fmt::{self, Write};

use heapless::{String, Vec};

use crate::print;

/// Characters of a line.
const COLUMNS: usize = 76;

/// Prints a sentence or several, on lines that begin with `#`.
macro_rules! say {
    ($($text:tt)*) => { $crate::tour::say::print_lines("", format_args!($($text)*)) };
}

pub(super) use say;

/// Prints text on lines that begin with `#` and `margin`.
pub(super) fn print_lines(margin: &str, text: fmt::Arguments<'_>) {
    let mut lines = Lines {
        margin,
        column: 0,
        word: String::new(),
    };
    // Lines take every text.
    let _ = lines.write_fmt(text);
    lines.end_word();
    print!("\n");
}

/// What was explained so far.
#[derive(Default)]
pub(super) struct Explained(Vec<&'static str, 16>);

impl Explained {
    /// Explains the line above, further in, unless that was done before.
    pub(super) fn once(&mut self, why: &'static str) {
        if !self.0.contains(&why) {
            print_lines("    ", format_args!("{why}"));
            // There is room for all.
            let _ = self.0.push(why);
        }
    }
}

/// Text that is broken between words.
struct Lines<'a> {
    margin: &'a str,
    /// Characters in the line so far.
    column: usize,
    /// The word that was not printed yet.
    word: String<COLUMNS>,
}

impl Lines<'_> {
    fn end_word(&mut self) {
        if self.word.is_empty() {
            return;
        }
        let Self { margin, word, .. } = self;
        if self.column > 0 && self.column + 1 + word.len() <= COLUMNS {
            print!(" {word}");
            self.column += 1 + word.len();
        } else {
            let end = if self.column > 0 { "\n" } else { "" };
            print!("{end}# {margin}{word}");
            self.column = 2 + margin.len() + word.len();
        }
        self.word.clear();
    }
}

impl Write for Lines<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            if character == ' ' {
                self.end_word();
            } else if self.word.push(character).is_err() {
                self.end_word();
                // There is room now.
                self.word.push(character).unwrap_or_default();
            }
        }
        Ok(())
    }
}
