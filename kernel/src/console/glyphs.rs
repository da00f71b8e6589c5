//! The characters of the console's font, as rows of bits.
//!
//! `embedded-graphics` draws a glyph pixel by pixel, which under emulation
//! would cost more than everything else at boot. Its font is read once; a row
//! of a character is one byte from then on.

use embedded_graphics::image::GetPixel;
use embedded_graphics::mono_font::MonoFont;
use embedded_graphics::mono_font::ascii::FONT_8X13;
use embedded_graphics::pixelcolor::BinaryColor;
use embedded_graphics::prelude::*;

const FONT: MonoFont = FONT_8X13;

/// Width of a character in pixels: a row is the bits of one byte.
pub(super) const WIDTH: usize = 8;
/// Height of a character in pixels.
pub(super) const HEIGHT: usize = 13;

const _: () = assert!(FONT.character_size.width as usize == WIDTH);
const _: () = assert!(FONT.character_size.height as usize == HEIGHT);
const _: () = assert!(FONT.character_spacing == 0);

const FIRST: u8 = b' ';
const COUNT: usize = (b'~' - b' ' + 1) as usize;

/// Every printable ASCII character; the leftmost pixel of a row is its highest bit.
pub(super) struct Glyphs([[u8; HEIGHT]; COUNT]);

impl Glyphs {
    /// A font of blanks.
    pub(super) const fn blank() -> Self {
        Self([[0; HEIGHT]; COUNT])
    }

    /// Reads the font.
    pub(super) fn read(&mut self) {
        let per_row = FONT.image.size().width as usize / WIDTH;
        for (character, glyph) in (FIRST..).zip(&mut self.0) {
            let index = FONT.glyph_mapping.index(char::from(character));
            let left = index % per_row * WIDTH;
            let top = index / per_row * HEIGHT;
            for (y, row) in (top..).zip(glyph) {
                *row = (left..left + WIDTH).fold(0, |bits, x| {
                    let pixel = FONT.image.pixel(Point::new(x as i32, y as i32));
                    bits << 1 | u8::from(pixel == Some(BinaryColor::On))
                });
            }
        }
    }

    /// Row `y`, from the top, of a printable ASCII character.
    pub(super) fn row(&self, character: u8, y: usize) -> u8 {
        self.0[usize::from(character - FIRST)][y]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test_case]
    fn an_underscore_is_one_row_of_ink_and_a_space_none() {
        let mut glyphs = Glyphs::blank();
        glyphs.read();
        let inked = |character| {
            (0..HEIGHT)
                .filter(|&y| glyphs.row(character, y) != 0)
                .count()
        };
        assert_eq!(inked(b' '), 0);
        assert_eq!(inked(b'_'), 1);
        assert!(inked(b'~') > 1 && inked(b'A') > 5);
    }

    #[test_case]
    fn an_l_leans_on_the_side_of_the_high_bits() {
        let mut glyphs = Glyphs::blank();
        glyphs.read();
        let stem = (0..HEIGHT).find_map(|y| Some(glyphs.row(b'L', y)).filter(|&row| row != 0));
        assert!(stem.is_some_and(|row| row.leading_zeros() < row.trailing_zeros()));
    }
}
