//! The console's text on the screen.
//!
//! The characters are kept beside the pixels, so that the device is only ever
//! written. A full page moves up by a quarter at once, which spreads the price
//! of drawing it again over many lines.

use super::framebuffer::{Framebuffer, MAX_PIXEL_BYTES};
use super::glyphs::{self, Glyphs};
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::Rectangle;

const INK: Rgb888 = Rgb888::new(0xd8, 0xde, 0xe9);
const PAPER: Rgb888 = Rgb888::new(0x10, 0x14, 0x1c);

const BACKSPACE: char = '\x08';

/// Empty pixels around the page.
const MARGIN: usize = 8;

/// The largest page that is kept; a larger screen is used in part.
const MAX_COLUMNS: usize = 240;
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
pub(super) struct Screen {
    pixels: Option<Framebuffer>,
    glyphs: Glyphs,
    lines: [Line; MAX_ROWS],
    columns: usize,
    rows: usize,
    /// The line that is being written; the one at `rows` is off the page.
    row: usize,
    /// Characters of that line that are drawn already.
    drawn: usize,
    /// One row of pixels on its way to the framebuffer.
    run: [u8; MAX_COLUMNS * glyphs::WIDTH * MAX_PIXEL_BYTES],
}

impl Screen {
    /// A page that takes no text yet.
    pub(super) const fn new() -> Self {
        Self {
            pixels: None,
            glyphs: Glyphs::blank(),
            lines: [EMPTY; MAX_ROWS],
            columns: 0,
            rows: 0,
            row: 0,
            drawn: 0,
            run: [0; MAX_COLUMNS * glyphs::WIDTH * MAX_PIXEL_BYTES],
        }
    }

    /// Clears the framebuffer and begins at its top; one too small for a character is left alone.
    pub(super) fn attach(&mut self, mut pixels: Framebuffer) {
        let size = pixels.size();
        let fit = |pixels: u32, character: usize| {
            (pixels as usize).saturating_sub(2 * MARGIN) / character
        };
        self.columns = fit(size.width, glyphs::WIDTH).min(MAX_COLUMNS);
        self.rows = fit(size.height, glyphs::HEIGHT).min(MAX_ROWS);
        if self.columns == 0 || self.rows == 0 {
            return;
        }
        self.glyphs.read();
        let Ok(()) = pixels.clear(PAPER);
        self.pixels = Some(pixels);
    }

    /// Leaves the framebuffer as it is from now on.
    pub(super) fn detach(&mut self) {
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
        let Some(pixels) = &mut self.pixels else {
            return;
        };
        let text = &self.lines[row].bytes[start..end];
        let (glyphs, run, at) = (&self.glyphs, &mut self.run, place(row, start));
        match pixels.pixel_bytes() {
            1 => draw_text::<1>(pixels, glyphs, text, run, at),
            2 => draw_text::<2>(pixels, glyphs, text, run, at),
            3 => draw_text::<3>(pixels, glyphs, text, run, at),
            _ => draw_text::<4>(pixels, glyphs, text, run, at),
        }
    }

    /// Empties the places `start..end` of a line.
    fn erase(&mut self, row: usize, start: usize, end: usize) {
        let Some(pixels) = &mut self.pixels else {
            return;
        };
        let (x, y) = place(row, start);
        let area = Rectangle::new(
            Point::new(x as i32, y as i32),
            Size::new(
                (end.saturating_sub(start) * glyphs::WIDTH) as u32,
                glyphs::HEIGHT as u32,
            ),
        );
        let Ok(()) = pixels.fill_solid(&area, PAPER);
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

/// Draws `text` with its top left pixel at (`x`, `top`), on pixels of `SIZE` bytes.
///
/// Four pixels at a time are looked up by their four bits, so that a character
/// costs two copies per row of pixels.
fn draw_text<const SIZE: usize>(
    pixels: &mut Framebuffer,
    glyphs: &Glyphs,
    text: &[u8],
    run: &mut [u8],
    (x, top): (usize, usize),
) {
    let [paper, ink] = [PAPER, INK].map(|color| {
        let encoded = pixels.encode(color);
        core::array::from_fn::<u8, SIZE, _>(|byte| encoded[byte])
    });
    let four_pixels: [[[u8; SIZE]; 4]; 16] = core::array::from_fn(|bits| {
        core::array::from_fn(|pixel| if bits & 8 >> pixel != 0 { ink } else { paper })
    });
    let run = &mut run[..text.len() * glyphs::WIDTH * SIZE];
    for y in 0..glyphs::HEIGHT {
        let (fours, _) = run.as_chunks_mut::<SIZE>().0.as_chunks_mut::<4>();
        let (characters, _) = fours.as_chunks_mut::<2>();
        for (&character, [left, right]) in text.iter().zip(characters) {
            let bits = usize::from(glyphs.row(character, y));
            *left = four_pixels[bits >> 4];
            *right = four_pixels[bits & 0xf];
        }
        pixels.write_run(x, top + y, run);
    }
}

/// The top left pixel of a character.
fn place(row: usize, column: usize) -> (usize, usize) {
    (
        MARGIN + column * glyphs::WIDTH,
        MARGIN + row * glyphs::HEIGHT,
    )
}
