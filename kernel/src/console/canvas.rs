//! Drawing on the framebuffer: filled rectangles and lines through
//! `embedded-graphics`, text in runs of pixels.
//!
//! Who draws holds the console's lock, and therefore prints nothing meanwhile.

use super::framebuffer::{Framebuffer, MAX_PIXEL_BYTES};
use super::glyphs::{self, Glyphs};
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::{Line, Rectangle};

/// The colour of text.
pub const INK: Rgb888 = Rgb888::new(0xd8, 0xde, 0xe9);
/// The colour of everything that nothing is drawn on.
pub const PAPER: Rgb888 = Rgb888::new(0x10, 0x14, 0x1c);

/// Width of a character in pixels.
pub const CHARACTER_WIDTH: u32 = glyphs::WIDTH as u32;
/// Height of a character in pixels.
pub const CHARACTER_HEIGHT: u32 = glyphs::HEIGHT as u32;

/// The most characters that are drawn at once.
pub(super) const MAX_COLUMNS: usize = 240;

/// Bytes of the longest row of pixels that text is drawn in.
pub(super) const RUN_BYTES: usize = MAX_COLUMNS * glyphs::WIDTH * MAX_PIXEL_BYTES;

/// The pixels, and what is needed to draw on them.
pub struct Canvas<'a> {
    pub(super) pixels: &'a mut Framebuffer,
    pub(super) glyphs: &'a Glyphs,
    /// One row of pixels on its way to the framebuffer.
    pub(super) run: &'a mut [u8; RUN_BYTES],
}

impl Canvas<'_> {
    /// The screen's size in pixels.
    #[must_use]
    pub fn size(&self) -> Size {
        self.pixels.size()
    }

    /// Fills a rectangle, as far as it is on the screen.
    pub fn fill(&mut self, area: Rectangle, color: Rgb888) {
        let Ok(()) = self.pixels.fill_solid(&area, color);
    }

    /// Draws a line, one pixel wide: its pixels that lie beside each other at once.
    pub fn line(&mut self, start: Point, end: Point, color: Rgb888) {
        let mut run = Rectangle::new(start, Size::zero());
        for point in Line::new(start, end).points() {
            if point != run.top_left + run.size.x_axis() {
                self.fill(run, color);
                run = Rectangle::new(point, Size::zero());
            }
            run.size = Size::new(run.size.width + 1, 1);
        }
        self.fill(run, color);
    }

    /// Draws `height` rows of pixels in cells that are `width` pixels wide, the last of them
    /// paper. `color` says which colour the cells have in a row.
    ///
    /// Rows that are alike are made once. What does not fit on the screen as a whole is not drawn.
    pub fn cells<const COUNT: usize>(
        &mut self,
        at: Point,
        (width, height): (u32, u32),
        color: impl FnMut(u32) -> [Rgb888; COUNT],
    ) {
        let area = Rectangle::new(at, Size::new(width * COUNT as u32, height));
        let bytes = area.size.width as usize * MAX_PIXEL_BYTES;
        let is_outside = area.intersection(&self.pixels.bounding_box()) != area;
        if is_outside || width == 0 || bytes > self.run.len() {
            return;
        }
        match self.pixels.pixel_bytes() {
            1 => self.draw_cells::<1, COUNT>(area, color),
            2 => self.draw_cells::<2, COUNT>(area, color),
            3 => self.draw_cells::<3, COUNT>(area, color),
            _ => self.draw_cells::<4, COUNT>(area, color),
        }
    }

    fn draw_cells<const SIZE: usize, const COUNT: usize>(
        &mut self,
        area: Rectangle,
        mut color: impl FnMut(u32) -> [Rgb888; COUNT],
    ) {
        let width = area.size.width as usize / COUNT;
        let [paper] = self.encode::<SIZE, 1>([PAPER]);
        let run = area.size.width as usize * SIZE;
        let mut made = None;
        for (row, y) in (0..).zip(area.rows()) {
            let colors = color(row);
            if made != Some(colors) {
                made = Some(colors);
                let encoded = self.encode::<SIZE, COUNT>(colors);
                let (pixels, _) = self.run[..run].as_chunks_mut::<SIZE>();
                for (cell, color) in pixels.chunks_exact_mut(width).zip(encoded) {
                    cell.fill(color);
                    cell[width - 1] = paper;
                }
            }
            let x = area.top_left.x as usize;
            self.pixels.write_run(x, y as usize, &self.run[..run]);
        }
    }

    /// Colours in the bytes that a pixel takes on this screen.
    fn encode<const SIZE: usize, const COUNT: usize>(
        &self,
        colors: [Rgb888; COUNT],
    ) -> [[u8; SIZE]; COUNT] {
        colors.map(|color| {
            let encoded = self.pixels.encode(color);
            core::array::from_fn(|byte| encoded[byte])
        })
    }

    /// Draws the outline of a rectangle, one pixel wide and inside of it.
    pub fn outline(&mut self, area: Rectangle, color: Rgb888) {
        let Point { x, y } = area.top_left;
        let Size { width, height } = area.size;
        let (right, bottom) = (x + width as i32 - 1, y + height as i32 - 1);
        let bar = |x, y, width, height| Rectangle::new(Point::new(x, y), Size::new(width, height));
        self.fill(bar(x, y, width, 1), color);
        self.fill(bar(x, bottom, width, 1), color);
        self.fill(bar(x, y, 1, height), color);
        self.fill(bar(right, y, 1, height), color);
    }

    /// Draws printable ASCII text with its top left pixel at `at`, on paper. Text that does not
    /// fit on the screen as a whole is not drawn.
    pub fn text(&mut self, at: Point, ink: Rgb888, text: &[u8]) {
        let size = Size::new(text.len() as u32 * CHARACTER_WIDTH, CHARACTER_HEIGHT);
        let area = Rectangle::new(at, size);
        if area.intersection(&self.pixels.bounding_box()) != area || text.len() > MAX_COLUMNS {
            return;
        }
        let at = (at.x as usize, at.y as usize);
        match self.pixels.pixel_bytes() {
            1 => self.draw_text::<1>(at, ink, text),
            2 => self.draw_text::<2>(at, ink, text),
            3 => self.draw_text::<3>(at, ink, text),
            _ => self.draw_text::<4>(at, ink, text),
        }
    }

    /// Draws text on pixels of `SIZE` bytes.
    ///
    /// Four pixels at a time are looked up by their four bits, so that a character costs two
    /// copies per row of pixels.
    fn draw_text<const SIZE: usize>(&mut self, (x, top): (usize, usize), ink: Rgb888, text: &[u8]) {
        let [paper, ink] = self.encode::<SIZE, 2>([PAPER, ink]);
        let four_pixels: [[[u8; SIZE]; 4]; 16] = core::array::from_fn(|bits| {
            core::array::from_fn(|pixel| if bits & 8 >> pixel != 0 { ink } else { paper })
        });
        let run = &mut self.run[..text.len() * glyphs::WIDTH * SIZE];
        for y in 0..glyphs::HEIGHT {
            let (fours, _) = run.as_chunks_mut::<SIZE>().0.as_chunks_mut::<4>();
            let (characters, _) = fours.as_chunks_mut::<2>();
            for (&character, [left, right]) in text.iter().zip(characters) {
                let bits = usize::from(self.glyphs.row(character, y));
                *left = four_pixels[bits >> 4];
                *right = four_pixels[bits & 0xf];
            }
            self.pixels.write_run(x, top + y, run);
        }
    }
}
