//! The screen as pixels: a drawing target for `embedded-graphics`.
//!
//! The memory belongs to a device: it is written through `volatile`, in runs
//! as long as possible, and never read, since reading it is slow on real
//! machines. Coordinates outside are clipped.

use bootloader_api::info::{FrameBuffer, FrameBufferInfo, PixelFormat};
use core::convert::Infallible;
use core::ptr::NonNull;
use embedded_graphics::pixelcolor::{Gray8, Rgb888};
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::Rectangle;
use volatile::VolatileRef;
use volatile::access::WriteOnly;

/// The most bytes that a pixel has.
pub(super) const MAX_PIXEL_BYTES: usize = 4;

/// Pixels of one colour that are written at a time.
const RUN: usize = 64;

/// The pixels of the boot loader's framebuffer.
pub struct Framebuffer {
    memory: VolatileRef<'static, [u8], WriteOnly>,
    info: FrameBufferInfo,
}

impl Framebuffer {
    /// Takes the framebuffer over; `None` when its geometry makes no sense.
    #[must_use]
    pub fn new(framebuffer: FrameBuffer) -> Option<Self> {
        let info = framebuffer.info();
        let needed = info
            .stride
            .checked_mul(info.height)?
            .checked_mul(info.bytes_per_pixel)?;
        let sound = (1..=MAX_PIXEL_BYTES).contains(&info.bytes_per_pixel)
            && info.width <= info.stride
            && info.width <= i32::MAX as usize
            && info.height <= i32::MAX as usize
            && needed <= info.byte_len;
        if !sound {
            return None;
        }
        let memory = NonNull::from(framebuffer.into_buffer());
        // SAFETY: The loader mapped the whole slice and gave it away with the
        // value consumed here. The kernel's own tables map it at the same
        // addresses, and never unmap it. Nobody but the display looks at it.
        let memory = unsafe { VolatileRef::new_restricted(WriteOnly, memory) };
        Some(Self { memory, info })
    }

    /// Bytes that a pixel takes, 1 to [`MAX_PIXEL_BYTES`].
    pub(super) fn pixel_bytes(&self) -> usize {
        self.info.bytes_per_pixel
    }

    /// A colour as this screen has it, in the first bytes that a pixel takes.
    pub(super) fn encode(&self, color: Rgb888) -> [u8; MAX_PIXEL_BYTES] {
        let (red, green, blue) = (color.r(), color.g(), color.b());
        match self.info.pixel_format {
            PixelFormat::Bgr => [blue, green, red, 0],
            PixelFormat::U8 => [Gray8::from(color).luma(); MAX_PIXEL_BYTES],
            PixelFormat::Unknown {
                red_position,
                green_position,
                blue_position,
            } => [
                (red, red_position),
                (green, green_position),
                (blue, blue_position),
            ]
            .into_iter()
            .filter_map(|(part, position)| u32::from(part).checked_shl(position.into()))
            .fold(0, |pixel, part| pixel | part)
            .to_le_bytes(),
            _ => [red, green, blue, 0],
        }
    }

    /// Writes encoded pixels from (`x`, `y`) rightwards, on one line.
    ///
    /// # Panics
    ///
    /// If they do not fit into the framebuffer.
    pub(super) fn write_run(&mut self, x: usize, y: usize, pixels: &[u8]) {
        let start = (y * self.info.stride + x) * self.info.bytes_per_pixel;
        self.memory
            .as_mut_ptr()
            .index(start..start + pixels.len())
            .copy_from_slice(pixels);
    }
}

impl OriginDimensions for Framebuffer {
    fn size(&self) -> Size {
        Size::new(self.info.width as u32, self.info.height as u32)
    }
}

impl DrawTarget for Framebuffer {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I>(&mut self, pixels: I) -> Result<(), Infallible>
    where
        I: IntoIterator<Item = Pixel<Rgb888>>,
    {
        let bounds = self.bounding_box();
        for Pixel(point, color) in pixels {
            if bounds.contains(point) {
                let bytes = self.encode(color);
                let size = self.pixel_bytes();
                self.write_run(point.x as usize, point.y as usize, &bytes[..size]);
            }
        }
        Ok(())
    }

    fn fill_solid(&mut self, area: &Rectangle, color: Rgb888) -> Result<(), Infallible> {
        let visible = area.intersection(&self.bounding_box());
        let size = self.pixel_bytes();
        let (left, width) = (visible.top_left.x as usize, visible.size.width as usize);
        let mut run = [0; RUN * MAX_PIXEL_BYTES];
        let pixel = self.encode(color);
        for place in run.chunks_exact_mut(size).take(width) {
            place.copy_from_slice(&pixel[..size]);
        }
        for y in visible.rows() {
            for x in (0..width).step_by(RUN) {
                let count = RUN.min(width - x);
                self.write_run(left + x, y as usize, &run[..count * size]);
            }
        }
        Ok(())
    }
}
