//! Where the monitor's words go: the console, or what a test looks at.

use core::fmt;

use crate::console;

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

    /// Writes `text` so many times.
    pub(super) fn repeat(&mut self, text: &str, times: usize) {
        for _ in 0..times {
            self.write_fmt(format_args!("{text}"));
        }
    }
}

impl fmt::Write for Output<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write_str(text)
    }
}

/// The kernel's console as a sink.
#[derive(Debug)]
pub struct Console;

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        console::print(format_args!("{text}"));
        Ok(())
    }

    fn write_fmt(&mut self, text: fmt::Arguments<'_>) -> fmt::Result {
        console::print(text);
        Ok(())
    }
}
