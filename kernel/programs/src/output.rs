//! Text for people, on the standard output.
//!
//! Each `print!` is one system call for up to 512 bytes: lines of a parent and its
//! children do not mix, and nothing is left in a buffer when a process is copied.

use core::fmt::{self, Write};

use crate::calls;

/// The number of the standard output.
pub const OUTPUT: usize = 1;
/// The number of the standard error output.
pub const ERRORS: usize = 2;

/// Text on its way to an open file.
struct Text {
    file: usize,
    bytes: [u8; 512],
    used: usize,
}

impl Text {
    fn flush(&mut self) -> fmt::Result {
        let mut rest = &self.bytes[..self.used];
        while !rest.is_empty() {
            match calls::write(self.file, rest) {
                Ok(written) if written > 0 => rest = &rest[written..],
                _ => return Err(fmt::Error),
            }
        }
        self.used = 0;
        Ok(())
    }
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            if self.used == self.bytes.len() {
                self.flush()?;
            }
            self.bytes[self.used] = byte;
            self.used += 1;
        }
        Ok(())
    }
}

/// Writes text to a file; a program that nobody can hear ends.
pub fn print(file: usize, text: fmt::Arguments<'_>) {
    let (bytes, used) = ([0; 512], 0);
    let mut out = Text { file, bytes, used };
    if out.write_fmt(text).and_then(|()| out.flush()).is_err() {
        calls::exit(1);
    }
}

/// Prints to the standard output.
#[macro_export]
macro_rules! print {
    ($($text:tt)*) => { $crate::output::print($crate::output::OUTPUT, format_args!($($text)*)) };
}

/// Prints a line to the standard output.
#[macro_export]
macro_rules! println {
    () => { $crate::print!("\n") };
    ($($text:tt)*) => { $crate::print!("{}\n", format_args!($($text)*)) };
}

/// A number of things: `1 fault`, `2 faults`.
#[derive(Debug, Clone, Copy)]
pub struct Count(pub u64, pub &'static str);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(number, what) = self;
        write!(f, "{number} {what}{}", if *number == 1 { "" } else { "s" })
    }
}
