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

/// Pixels that are encoded at a time before they are written as one run.
const RUN: usize = 64;
/// The most bytes that a pixel of a supported format has.
const MAX_PIXEL_BYTES: usize = 4;

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
        let memory = NonNull::from(framebuffer.into_buffer());
        // SAFETY: The loader mapped the whole slice for as long as the kernel
        // runs, and gave it away with the value consumed here. Nobody else
        // looks at it but the display.
        let memory = unsafe { VolatileRef::new_restricted(WriteOnly, memory) };
        sound.then_some(Self { memory, info })
    }

    /// Writes pixels from (`x`, `y`) rightwards; the caller has clipped them.
    fn write_run(&mut self, x: usize, y: usize, bytes: &[u8]) {
        let start = (y * self.info.stride + x) * self.info.bytes_per_pixel;
        self.memory
            .as_mut_ptr()
            .index(start..start + bytes.len())
            .copy_from_slice(bytes);
    }

    fn encode(&self, color: Rgb888) -> [u8; MAX_PIXEL_BYTES] {
        let (red, green, blue) = (color.r(), color.g(), color.b());
        match self.info.pixel_format {
            PixelFormat::Rgb => [red, green, blue, 0],
            PixelFormat::Bgr => [blue, green, red, 0],
            PixelFormat::U8 => [Gray8::from(color).luma(); MAX_PIXEL_BYTES],
            PixelFormat::Unknown {
                red_position,
                green_position,
                blue_position,
            } => {
                let place = |part: u8, position: u8| {
                    u32::from(part).checked_shl(position.into()).unwrap_or(0)
                };
                (place(red, red_position)
                    | place(green, green_position)
                    | place(blue, blue_position))
                .to_le_bytes()
            }
            _ => [0; MAX_PIXEL_BYTES],
        }
    }

    /// Writes one row of `width` pixels at (`x`, `y`), in runs.
    fn write_row(
        &mut self,
        x: usize,
        y: usize,
        width: usize,
        colors: &mut impl Iterator<Item = Rgb888>,
    ) {
        let size = self.info.bytes_per_pixel;
        let mut bytes = [0; RUN * MAX_PIXEL_BYTES];
        let mut written = 0;
        while written < width {
            let count = RUN.min(width - written);
            for (pixel, color) in bytes.chunks_exact_mut(size).zip(colors.take(count)) {
                pixel.copy_from_slice(&self.encode(color)[..size]);
            }
            self.write_run(x + written, y, &bytes[..count * size]);
            written += count;
        }
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
                let size = self.info.bytes_per_pixel;
                self.write_run(point.x as usize, point.y as usize, &bytes[..size]);
            }
        }
        Ok(())
    }

    fn fill_contiguous<I>(&mut self, area: &Rectangle, colors: I) -> Result<(), Infallible>
    where
        I: IntoIterator<Item = Rgb888>,
    {
        let visible = area.intersection(&self.bounding_box());
        if visible != *area {
            return self.draw_iter(
                area.points()
                    .zip(colors)
                    .map(|(point, color)| Pixel(point, color)),
            );
        }
        let mut colors = colors.into_iter();
        for y in visible.rows() {
            let (x, width) = (visible.top_left.x as usize, visible.size.width as usize);
            self.write_row(x, y as usize, width, &mut colors);
        }
        Ok(())
    }

    fn fill_solid(&mut self, area: &Rectangle, color: Rgb888) -> Result<(), Infallible> {
        let visible = area.intersection(&self.bounding_box());
        let size = self.info.bytes_per_pixel;
        let mut run = [0; RUN * MAX_PIXEL_BYTES];
        for pixel in run.chunks_exact_mut(size) {
            pixel.copy_from_slice(&self.encode(color)[..size]);
        }
        let (left, width) = (visible.top_left.x as usize, visible.size.width as usize);
        for y in visible.rows() {
            for x in (0..width).step_by(RUN) {
                let count = RUN.min(width - x);
                self.write_run(left + x, y as usize, &run[..count * size]);
            }
        }
        Ok(())
    }
}
