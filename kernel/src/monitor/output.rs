//! Where the monitor's words go: the console, what a test looks at, or the page of the
//! simulator, which has this file, too.

use core::fmt::{self, Write};

use heapless::String;

/// Characters of the longest line of facts that has several of them.
const COLUMNS: usize = 76;

/// A place for text. What it does not take is lost: a command goes on without.
pub struct Output<'a>(&'a mut dyn fmt::Write);

impl<'a> Output<'a> {
    /// Writes to `sink` from now on.
    pub fn new(sink: &'a mut dyn fmt::Write) -> Self {
        Self(sink)
    }

    /// Writes formatted text; the work behind `write!` and `writeln!`.
    pub fn write_fmt(&mut self, text: fmt::Arguments<'_>) {
        // An error is the sink's own, and there is nowhere else to report it.
        let _ = self.0.write_fmt(text);
    }

    /// Writes a line of facts. What does not fit in [`COLUMNS`] goes on, indented, in the next
    /// line.
    pub(super) fn facts(&mut self, text: fmt::Arguments<'_>) {
        let mut facts = Facts {
            out: self,
            column: 0,
            word: String::new(),
        };
        // Facts take every text.
        let _ = facts.write_fmt(text);
        facts.end_word();
        writeln!(self);
    }

    /// Writes `text` so many times.
    pub(super) fn repeat(&mut self, text: &str, times: usize) {
        for _ in 0..times {
            self.write_fmt(format_args!("{text}"));
        }
    }
}

/// Text that is broken between words; what is quoted is one.
struct Facts<'a, 'b> {
    out: &'a mut Output<'b>,
    column: usize,
    /// The word that was not written yet, with the spaces before it.
    word: String<COLUMNS>,
}

impl Facts<'_, '_> {
    fn is_quoted(&self) -> bool {
        self.word.matches('"').count() % 2 == 1
    }

    fn end_word(&mut self) {
        let mut word = &self.word[..];
        if self.column > 0 && self.column + word.len() > COLUMNS {
            word = word.trim_start();
            write!(self.out, "\n  ");
            self.column = 2;
        }
        write!(self.out, "{word}");
        self.column += word.len();
        self.word.clear();
    }
}

impl Write for Facts<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            let ends_word = character == ' ' && !self.word.ends_with(' ') && !self.is_quoted();
            if ends_word || character == '\n' || self.word.push(character).is_err() {
                self.end_word();
                match character {
                    '\n' => {
                        writeln!(self.out);
                        self.column = 0;
                    }
                    // There is room now.
                    _ => self.word.push(character).unwrap_or_default(),
                }
            }
        }
        Ok(())
    }
}

/// A name as the value of a field: in quotes if it would not be one word.
pub(super) struct Word<'a>(pub(super) &'a str);

impl fmt::Display for Word<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.contains([' ', '"']) {
            true => write!(f, "{:?}", self.0),
            false => f.write_str(self.0),
        }
    }
}

impl fmt::Write for Output<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write_str(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test_case]
    fn a_line_of_facts_is_broken_between_them_and_never_within_a_name() {
        let mut text = String::<256>::new();
        let name = "guard of an exception stack";
        Output::new(&mut text).facts(format_args!(
            "page=4K resident=0 zero=0 borrowed=0 faults=0 private=0 name={name:?} last=1"
        ));
        assert_eq!(
            text,
            "page=4K resident=0 zero=0 borrowed=0 faults=0 private=0\n  \
             name=\"guard of an exception stack\" last=1\n"
        );
    }
}
