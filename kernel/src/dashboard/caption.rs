//! A line of text that is drawn again only where it has changed.

use core::fmt::{self, Write as _};

use arrayvec::ArrayVec;
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::*;

use crate::console::{CHARACTER_WIDTH, Canvas, PAPER};

/// The longest text; what is longer is cut off.
const LONGEST: usize = 120;

/// A line of text on the screen, at first an empty one.
#[derive(Debug, Clone)]
pub(super) struct Caption {
    shown: ArrayVec<u8, LONGEST>,
    ink: Rgb888,
}

impl Caption {
    pub(super) const EMPTY: Self = Self {
        shown: ArrayVec::new_const(),
        ink: PAPER,
    };

    /// Shows `text` at a place, which is always the same for this caption, in
    /// at most so many columns.
    pub(super) fn show(
        &mut self,
        canvas: &mut Canvas<'_>,
        at: Point,
        columns: u32,
        ink: Rgb888,
        text: fmt::Arguments<'_>,
    ) {
        let mut line = Line {
            text: ArrayVec::new(),
            columns: (columns as usize).min(LONGEST),
        };
        // A line takes everything, and drops what does not fit.
        let _ = line.write_fmt(text);
        let (old, new) = (&self.shown, &line.text);
        let start = if ink == self.ink {
            old.iter().zip(new).take_while(|(a, b)| a == b).count()
        } else {
            0
        };
        let end = new.len().max(old.len());
        if start < end {
            let mut changed = [b' '; LONGEST];
            changed[..new.len()].copy_from_slice(new);
            let x = start as i32 * CHARACTER_WIDTH as i32;
            canvas.text(at + Point::new(x, 0), ink, &changed[start..end]);
        }
        self.shown = line.text;
        self.ink = ink;
    }
}

/// Takes the first `columns` characters of a text, unprintable ones as `?`.
struct Line {
    text: ArrayVec<u8, LONGEST>,
    columns: usize,
}

impl fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.columns - self.text.len();
        let printable = |&byte: &u8| match byte {
            b' '..=b'~' => byte,
            _ => b'?',
        };
        let bytes = text.as_bytes();
        self.text.extend(bytes.iter().take(room).map(printable));
        Ok(())
    }
}
