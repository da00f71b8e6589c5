//! The guest's bytes with names put to the addresses of its backtraces, as they stream by.
//!
//! A line of a backtrace is `  #N 0x` and 16 hexadecimal digits, and ` in ` with
//! the name of a file of the archive if it is a program's: number 0 is an
//! instruction, any other the address that a call returns to, so the call is
//! looked for one byte before. Every byte goes on at once; the names are put in
//! before the line's end.
//!
//! ```text
//!   #1 0xffff800000037754 inner at kernel/src/a.rs:7
//!                         inlined into outer at kernel/src/b.rs:30
//! ```

use std::io::{self, Write};

use crate::archive::LONGEST_NAME;

/// The longest start of a line that is looked at.
const LONGEST: usize = 32 + LONGEST_NAME;

/// Writes bytes on to `to`, with what `names` says behind each address of a backtrace.
pub struct Named<W, F> {
    to: W,
    names: F,
    /// The line that has begun, as far as it may be one of a backtrace
    line: Vec<u8>,
}

impl<W: Write, F: FnMut(Option<&str>, u64) -> Vec<String>> Named<W, F> {
    /// A writer that names the addresses; `names` gives the innermost function first, of a program
    /// or of the kernel.
    pub fn new(to: W, names: F) -> Self {
        Self {
            to,
            names,
            line: Vec::new(),
        }
    }

    /// The line has ended: what is to be written before its end.
    fn names(&mut self) -> String {
        let line = std::mem::take(&mut self.line);
        let Some((program, address)) = std::str::from_utf8(&line).ok().and_then(place) else {
            return String::new();
        };
        let indented = format!("\r\n{:width$} inlined into ", "", width = line.len());
        let names = (self.names)(program, address).join(&indented);
        match names.is_empty() {
            true => names,
            false => format!(" {names}"),
        }
    }
}

/// The program and the address to look up for a line of a backtrace.
fn place(line: &str) -> Option<(Option<&str>, u64)> {
    let (number, place) = line.strip_prefix("  #")?.split_once(" 0x")?;
    let (digits, program) = match place.split_once(" in ") {
        Some((digits, program)) => (digits, Some(program)),
        None => (place, None),
    };
    let number: u64 = number.parse().ok()?;
    if digits.len() != 16 {
        return None;
    }
    let address = u64::from_str_radix(digits, 16).ok()?;
    let address = address.checked_sub(u64::from(number > 0))?;
    Some((program, address))
}

impl<W: Write, F: FnMut(Option<&str>, u64) -> Vec<String>> Write for Named<W, F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for piece in bytes.split_inclusive(|byte| matches!(byte, b'\r' | b'\n')) {
            let (text, end) = match piece {
                [text @ .., b'\r' | b'\n'] => piece.split_at(text.len()),
                _ => (piece, &[][..]),
            };
            self.to.write_all(text)?;
            let room = (LONGEST + 1).saturating_sub(self.line.len());
            self.line.extend_from_slice(&text[..text.len().min(room)]);
            if !end.is_empty() {
                let names = self.names();
                self.to.write_all(names.as_bytes())?;
                self.to.write_all(end)?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of `text` when it comes in pieces of `size` bytes.
    fn named(text: &str, size: usize) -> String {
        let names = |program: Option<&str>, address: u64| match (program, address) {
            (None, 0xffff_8000_0000_1000) => vec!["f at a.rs:1".to_owned()],
            (None, 0xffff_8000_0000_1fff) => {
                vec!["g at a.rs:2".to_owned(), "h at b.rs:3".to_owned()]
            }
            (Some("bin/p"), 0x40_1000) => vec!["main at p.rs:4".to_owned()],
            _ => Vec::new(),
        };
        let mut bytes = Vec::new();
        let mut writer = Named::new(&mut bytes, names);
        for piece in text.as_bytes().chunks(size) {
            writer.write_all(piece).unwrap();
        }
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn instructions_and_calls_are_named_however_the_bytes_come() {
        let text = "a\r\n  #0 0xffff800000001000\r\n  #12 0xffff800000002000\r\nb";
        let under = " ".repeat("  #12 0xffff800000002000 ".len());
        let expected = format!(
            "a\r\n  #0 0xffff800000001000 f at a.rs:1\r\n  #12 0xffff800000002000 \
             g at a.rs:2\r\n{under}inlined into h at b.rs:3\r\nb"
        );
        for size in [1, 2, 7, 1000] {
            assert_eq!(named(text, size), expected, "{size}");
        }
    }

    #[test]
    fn the_calls_of_a_program_are_named_by_its_file() {
        let text = "  #1 0x0000000000401001 in bin/p\r\n  #1 0x0000000000401001 in bin/q\r\n";
        let expected = text.replacen("bin/p", "bin/p main at p.rs:4", 1);
        assert_eq!(named(text, 5), expected);
    }

    #[test]
    fn what_is_no_line_of_a_backtrace_stays_as_it_is() {
        for line in [
            "#0 0xffff800000001000",
            "  #0 0xffff80000000100",
            "  #0 0xffff8000000010000",
            "  #0 0xffff800000001000 ",
            "  #x 0xffff800000001000",
            "  #0 0xffff800000003000",
            "  #1 0x0000000000000000",
            "rdi=0xffff800000001000, which is a long line",
        ] {
            let text = format!("{line}\r\n");
            assert_eq!(named(&text, 3), text);
        }
    }
}
