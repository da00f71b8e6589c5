//! The figures that a measured guest prints, picked out of its output.
//!
//! ```text
//! bench zero-page read unit=instructions min=79 median=79 max=367 n=1024
//! ```

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, Sender, channel};

/// Medians by the name of what was measured, in instructions.
pub type Figures = BTreeMap<String, u64>;

/// Passes bytes on, and keeps the lines with figures.
pub struct Picked<W> {
    to: W,
    line: Vec<u8>,
    found: Sender<(String, u64)>,
}

impl<W: Write> Picked<W> {
    /// Around `to`; the other end gets each figure as its line ends.
    pub fn new(to: W) -> (Self, Receiver<(String, u64)>) {
        let (found, figures) = channel();
        let line = Vec::new();
        (Self { to, line, found }, figures)
    }
}

impl<W: Write> Write for Picked<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        for &byte in &bytes[..written] {
            if byte != b'\n' {
                self.line.push(byte);
                continue;
            }
            if let Some(figure) = figure(&String::from_utf8_lossy(&self.line)) {
                // Whoever asked for the figures may be gone.
                self.found.send(figure).ok();
            }
            self.line.clear();
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// The name and the median of a line that holds a figure in instructions.
fn figure(line: &str) -> Option<(String, u64)> {
    let (name, values) = line
        .strip_prefix("bench ")?
        .split_once(" unit=instructions ")?;
    let mut values = values.split_ascii_whitespace();
    let median = values.find_map(|value| value.strip_prefix("median="))?;
    Some((name.to_owned(), median.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_picked_out_of_lines_that_come_in_pieces() {
        let mut passed = Vec::new();
        let (mut picked, figures) = Picked::new(&mut passed);
        let text =
            b"heap: 5 bytes\nbench a, b unit=instructions min=1 median=22 max=3 n=9\r\nbench c";
        for piece in text.chunks(7) {
            picked.write_all(piece).unwrap();
        }
        drop(picked);
        assert_eq!(passed, text);
        assert_eq!(
            figures.iter().collect::<Vec<_>>(),
            [("a, b".to_owned(), 22)]
        );
    }

    #[test]
    fn ticks_and_broken_lines_are_no_figures() {
        for line in [
            "bench a unit=ticks min=1 median=1 max=1 n=1",
            "bench a unit=instructions min=1",
            "bench a unit=instructions median=x",
            "a bench a unit=instructions median=1",
        ] {
            assert_eq!(figure(line), None, "{line}");
        }
    }
}
