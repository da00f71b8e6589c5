//! The console's text on the screen.
//!
//! The characters are kept beside the pixels, so that the device is only ever
//! written. A full page moves up by a quarter at once, which spreads the price
//! of drawing it again over many lines.

use super::canvas::{Canvas, INK, MAX_COLUMNS, PAPER, RUN_BYTES};
use super::framebuffer::Framebuffer;
use super::glyphs::{self, Glyphs};
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::Rectangle;

const BACKSPACE: char = '\x08';

/// Empty pixels around the page.
const MARGIN: usize = 8;

/// The most lines that are kept, of [`MAX_COLUMNS`] characters each; a larger screen is used in
/// part.
const MAX_ROWS: usize = 120;

#[derive(Clone, Copy)]
struct Line {
    bytes: [u8; MAX_COLUMNS],
    length: usize,
}

const EMPTY: Line = Line {
    bytes: [0; MAX_COLUMNS],
    length: 0,
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
    /// The line that is being written; the one at `rows` is off the page.
    row: usize,
    /// Characters of that line that are drawn already.
    drawn: usize,
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
            drawn: 0,
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

    /// Writes `text` at the end of the page; characters that are not ASCII become `?`,
    /// and a backspace takes the last one of the line away.
    ///
    /// The line that it ends in is on the screen after [`draw_rest`](Self::draw_rest).
    pub(super) fn write(&mut self, text: &str) {
        if self.pixels.is_none() {
            return;
        }
        for (index, part) in text.split('\n').enumerate() {
            if index > 0 {
                self.end_line();
            }
            let mut rest = part.chars();
            while !rest.as_str().is_empty() {
                self.write_part(&mut rest);
            }
        }
    }

    /// Writes as many characters as the line still holds.
    fn write_part(&mut self, characters: &mut core::str::Chars) {
        if self.row >= self.rows {
            self.move_up();
        }
        let (row, columns) = (self.row, self.columns);
        while self.lines[row].length < columns {
            let Some(character) = characters.next() else {
                return;
            };
            if character == BACKSPACE {
                self.take_away(row);
                continue;
            }
            let line = &mut self.lines[row];
            line.bytes[line.length] = match character {
                ' '..='~' => character as u8,
                _ => b'?',
            };
            line.length += 1;
        }
        self.end_line();
    }

    /// Takes the last character of a line away.
    fn take_away(&mut self, row: usize) {
        let Some(last) = self.lines[row].length.checked_sub(1) else {
            return;
        };
        self.lines[row].length = last;
        if self.drawn > last {
            self.drawn = last;
            self.erase(row, last, last + 1);
        }
    }

    fn end_line(&mut self) {
        self.draw_rest();
        self.row += 1;
        self.drawn = 0;
    }

    /// Draws what was written and is not on the screen yet.
    pub(super) fn draw_rest(&mut self) {
        if self.row < self.rows {
            let length = self.lines[self.row].length;
            self.draw(self.row, self.drawn, length);
            self.drawn = length;
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
    }
}
