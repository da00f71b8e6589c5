//! The console's text on the screen.
//!
//! The characters are kept beside the pixels, so that the device is only ever
//! written. A full page moves up by a quarter at once, which spreads the price
//! of redrawing it over many lines.

use super::framebuffer::Framebuffer;
use embedded_graphics::mono_font::ascii::FONT_8X13;
use embedded_graphics::mono_font::{MonoFont, MonoTextStyleBuilder};
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::Rectangle;
use embedded_graphics::text::{Baseline, Text};

static FONT: MonoFont = FONT_8X13;
const INK: Rgb888 = Rgb888::new(0xd8, 0xde, 0xe9);
const PAPER: Rgb888 = Rgb888::new(0x10, 0x14, 0x1c);
const MARGIN: i32 = 8;

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
    lines: [Line; MAX_ROWS],
    columns: usize,
    rows: usize,
    /// The line that is being written; the one at `rows` is off the page.
    row: usize,
}

impl Screen {
    /// A page that takes no text yet.
    pub(super) const fn new() -> Self {
        Self {
            pixels: None,
            lines: [EMPTY; MAX_ROWS],
            columns: 0,
            rows: 0,
            row: 0,
        }
    }

    /// Clears the framebuffer and begins at its top.
    pub(super) fn attach(&mut self, mut pixels: Framebuffer) {
        let Size { width, height } = pixels.size();
        let fit = |pixels: u32, character: u32| {
            (pixels.saturating_sub(2 * MARGIN as u32) / character) as usize
        };
        self.columns = fit(width, FONT.character_size.width).clamp(1, MAX_COLUMNS);
        self.rows = fit(height, FONT.character_size.height).clamp(1, MAX_ROWS);
        let Ok(()) = pixels.clear(PAPER);
        self.pixels = Some(pixels);
    }

    /// Leaves the framebuffer as it is from now on.
    pub(super) fn detach(&mut self) {
        self.pixels = None;
    }

    /// Writes `text` at the end of the page; characters that are not ASCII become `?`.
    pub(super) fn write(&mut self, text: &str) {
        if self.pixels.is_none() {
            return;
        }
        for (index, part) in text.split('\n').enumerate() {
            if index > 0 {
                self.row += 1;
            }
            let mut rest = part.chars();
            while !rest.as_str().is_empty() {
                self.write_part(&mut rest);
            }
        }
    }

    /// Writes as many characters as the line still holds, or goes to the next line.
    fn write_part(&mut self, characters: &mut core::str::Chars) {
        if self.row == self.rows {
            self.move_up();
        }
        let (row, columns) = (self.row, self.columns);
        let line = &mut self.lines[row];
        let start = line.length;
        for character in characters.take(columns - start) {
            line.bytes[line.length] = match character {
                ' '..='~' => character as u8,
                _ => b'?',
            };
            line.length += 1;
        }
        let end = line.length;
        self.draw(row, start, end);
        if end == columns {
            self.row += 1;
        }
    }

    fn draw(&mut self, row: usize, start: usize, end: usize) {
        let Some(pixels) = &mut self.pixels else {
            return;
        };
        let line = &self.lines[row];
        let text = core::str::from_utf8(&line.bytes[start..end]).unwrap_or_default();
        let at = place(row, start);
        let style = MonoTextStyleBuilder::new()
            .font(&FONT)
            .text_color(INK)
            .background_color(PAPER)
            .build();
        let Ok(_) = Text::with_baseline(text, at, style, Baseline::Top).draw(pixels);
    }

    fn erase(&mut self, row: usize, start: usize, end: usize) {
        let Some(pixels) = &mut self.pixels else {
            return;
        };
        let size = Size::new(end.saturating_sub(start) as u32, 1);
        let area = Rectangle::new(place(row, start), size.component_mul(FONT.character_size));
        let Ok(()) = pixels.fill_solid(&area, PAPER);
    }

    /// Moves the page up by a quarter, and draws what changed.
    fn move_up(&mut self) {
        let by = (self.rows / 4).max(1);
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
        self.row -= by;
    }
}

/// The top left pixel of a character.
fn place(row: usize, column: usize) -> Point {
    let size = FONT.character_size;
    Point::new(
        MARGIN + (column as u32 * size.width) as i32,
        MARGIN + (row as u32 * size.height) as i32,
    )
}
