//! The console's text on the screen.
//!
//! The characters are kept beside the pixels, so that the device is only ever
//! written. A full page moves up by a quarter at once, which spreads the price
//! of drawing it again over many lines.
//!
//! A line that is too long goes on in the next row, with the word that did not
//! fit. Every place of a row holds a character that was written, so backspace
//! leads back over all of them, up into the rows before.

use super::canvas::{Canvas, INK, MAX_COLUMNS, PAPER, RUN_BYTES};
use super::framebuffer::Framebuffer;
use super::glyphs::{self, Glyphs};
use core::ops::Range;
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::Rectangle;

const BACKSPACE: char = '\x08';

/// Empty pixels around the page.
const MARGIN: usize = 8;

/// The most lines that are kept, of [`MAX_COLUMNS`] characters each; a larger screen is used in
/// part.
const MAX_ROWS: usize = 120;

/// A row of the page.
#[derive(Clone, Copy)]
struct Line {
    bytes: [u8; MAX_COLUMNS],
    length: usize,
    /// Whether it goes on with the row above.
    continues: bool,
}

const EMPTY: Line = Line {
    bytes: [0; MAX_COLUMNS],
    length: 0,
    continues: false,
};

/// A page of text, on a framebuffer once there is one.
pub(crate) struct Screen {
    pixels: Option<Framebuffer>,
    glyphs: Glyphs,
    lines: [Line; MAX_ROWS],
    /// The top left pixel of the page.
    origin: Point,
    columns: usize,
    rows: usize,
    /// Where the next character goes; the row at `rows` is off the page.
    row: usize,
    column: usize,
    /// The last row of the line that is being written.
    last: usize,
    /// The places of the row that are not drawn yet.
    undrawn: Range<usize>,
    /// One row of pixels on its way to the framebuffer.
    run: [u8; RUN_BYTES],
}

impl Screen {
    /// A page that takes no text yet.
    pub(crate) const fn new() -> Self {
        Self {
            pixels: None,
            glyphs: Glyphs::blank(),
            lines: [EMPTY; MAX_ROWS],
            columns: 0,
            rows: 0,
            row: 0,
            column: 0,
            last: 0,
            undrawn: 0..0,
            run: [0; RUN_BYTES],
            origin: Point::zero(),
        }
    }

    /// Clears the framebuffer and begins at the top of `area`; one too small for a character is
    /// left alone.
    pub(crate) fn attach(&mut self, mut pixels: Framebuffer, area: Rectangle) {
        let area = area.intersection(&pixels.bounding_box());
        let fit = |pixels: u32, character: usize| {
            (pixels as usize).saturating_sub(2 * MARGIN) / character
        };
        self.columns = fit(area.size.width, glyphs::WIDTH).min(MAX_COLUMNS);
        self.rows = fit(area.size.height, glyphs::HEIGHT).min(MAX_ROWS);
        if self.columns == 0 || self.rows == 0 {
            return;
        }
        self.origin = area.top_left + Point::new_equal(MARGIN as i32);
        self.glyphs.read();
        let Ok(()) = pixels.clear(PAPER);
        self.pixels = Some(pixels);
    }

    /// The means to draw beside the text, if there is a framebuffer.
    pub(crate) fn canvas(&mut self) -> Option<Canvas<'_>> {
        Some(Canvas {
            pixels: self.pixels.as_mut()?,
            glyphs: &self.glyphs,
            run: &mut self.run,
        })
    }

    /// Leaves the framebuffer as it is from now on.
    pub(crate) fn detach(&mut self) {
        self.pixels = None;
    }

    /// Writes `text` where the last one ended; characters that are not ASCII become `?`, and a
    /// backspace goes back by one, to be written over.
    ///
    /// The row that it ends in is on the screen after [`draw_rest`](Self::draw_rest).
    pub(super) fn write(&mut self, text: &str) {
        if self.pixels.is_none() {
            return;
        }
        for character in text.chars() {
            match character {
                '\n' => self.begin_row(),
                BACKSPACE => self.go_back(),
                ' '..='~' => self.put(character as u8),
                _ => self.put(b'?'),
            }
        }
    }

    /// Puts a character at the cursor.
    fn put(&mut self, byte: u8) {
        if self.row >= self.rows {
            self.move_up();
        }
        if self.column == self.lines[self.row].length && self.row < self.last {
            self.go_to(self.row + 1, 0);
        }
        if self.column == self.columns {
            self.wrap(byte);
        }
        let line = &mut self.lines[self.row];
        line.bytes[self.column] = byte;
        line.length = line.length.max(self.column + 1);
        self.undrawn = match self.undrawn.is_empty() {
            true => self.column..self.column + 1,
            false => self.undrawn.start.min(self.column)..self.undrawn.end.max(self.column + 1),
        };
        self.column += 1;
    }

    /// Goes on in a new row, since `next` does not fit: with the word that it belongs to, if
    /// another stands before that.
    fn wrap(&mut self, next: u8) {
        let full = self.lines[self.row];
        let is_space = |byte: &u8| *byte == b' ';
        let start = match full.bytes[..full.length].iter().rposition(is_space) {
            Some(space) if next != b' ' => space + 1,
            _ => full.length,
        };
        self.lines[self.row].length = start;
        self.undrawn.end = self.undrawn.end.min(start);
        self.erase(self.row, start, full.length);
        self.begin_row();
        if self.row >= self.rows {
            self.move_up();
        }
        self.lines[self.row].continues = true;
        for &byte in &full.bytes[start..full.length] {
            self.put(byte);
        }
    }

    fn go_back(&mut self) {
        let continues = self.lines.get(self.row).is_some_and(|line| line.continues);
        if self.column > 0 {
            self.column -= 1;
        } else if continues && self.row > 0 {
            let end = self.lines[self.row - 1].length;
            self.go_to(self.row - 1, end.saturating_sub(1));
        }
    }

    fn go_to(&mut self, row: usize, column: usize) {
        self.draw_rest();
        (self.row, self.column) = (row, column);
    }

    /// Goes to the start of the row below all that was written.
    fn begin_row(&mut self) {
        self.go_to(self.last + 1, 0);
        self.last = self.row;
    }

    /// Draws what was written and is not on the screen yet.
    pub(super) fn draw_rest(&mut self) {
        let Range { start, end } = core::mem::take(&mut self.undrawn);
        if start < end && self.row < self.rows {
            self.draw(self.row, start, end);
        }
    }

    /// Draws the characters `start..end` of a line, one row of pixels after the other.
    fn draw(&mut self, row: usize, start: usize, end: usize) {
        let at = self.place(row, start);
        let Some(pixels) = &mut self.pixels else {
            return;
        };
        let mut canvas = Canvas {
            pixels,
            glyphs: &self.glyphs,
            run: &mut self.run,
        };
        canvas.text(at, INK, &self.lines[row].bytes[start..end]);
    }

    /// Empties the places `start..end` of a line.
    fn erase(&mut self, row: usize, start: usize, end: usize) {
        let columns = end.saturating_sub(start) * glyphs::WIDTH;
        let size = Size::new(columns as u32, glyphs::HEIGHT as u32);
        let area = Rectangle::new(self.place(row, start), size);
        let Some(pixels) = &mut self.pixels else {
            return;
        };
        let Ok(()) = pixels.fill_solid(&area, PAPER);
    }

    /// The top left pixel of a character.
    fn place(&self, row: usize, column: usize) -> Point {
        let (x, y) = (column * glyphs::WIDTH, row * glyphs::HEIGHT);
        self.origin + Point::new(x as i32, y as i32)
    }

    /// Moves the page up by a quarter or more, until the current line is on it, and draws it.
    fn move_up(&mut self) {
        let by = (self.rows / 4).max(self.row + 1 - self.rows).min(self.rows);
        for row in 0..self.rows {
            let before = self.lines[row].length;
            let moved = if row + by < self.rows {
                self.lines[row + by]
            } else {
                EMPTY
            };
            self.lines[row] = moved;
            self.draw(row, 0, moved.length);
            self.erase(row, moved.length, before);
        }
        self.row = (self.row - by).min(self.rows - 1);
        self.last = self.row;
    }
}

#[cfg(test)]
mod tests;
