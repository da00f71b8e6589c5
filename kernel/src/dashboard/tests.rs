//! The dashboard drawn on ordinary memory, where its pixels can be looked at.

use alloc::vec;
use alloc::vec::Vec;

use bootloader_api::info::{FrameBuffer, FrameBufferInfo, PixelFormat};
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::Rectangle;
use memory::space::{Backing, Placement, Request};
use spin::Mutex;
use x86_64::VirtAddr;

use super::{Dashboard, colors, layout};
use crate::console::{Framebuffer, PAPER, Screen, whole_screen};
use crate::cpu::access;
use crate::picture::{Blocks, COLUMNS, FrameState, blocks};
use crate::spaces;

const WIDTH: usize = 1280;
const HEIGHT: usize = 800;

/// Too large for a stack.
static TESTED: Mutex<(Dashboard, Screen)> = Mutex::new((Dashboard::new(), Screen::new()));

/// A screen in ordinary memory.
struct Pixels(Vec<u8>);

impl Pixels {
    /// Draws a new dashboard on a new screen, and then what has changed after `work`.
    fn drawn(work: impl FnOnce()) -> Self {
        let mut pixels = Self(vec![0x55; WIDTH * HEIGHT * 4]);
        let info = FrameBufferInfo {
            byte_len: pixels.0.len(),
            width: WIDTH,
            height: HEIGHT,
            pixel_format: PixelFormat::Bgr,
            bytes_per_pixel: 4,
            stride: WIDTH,
        };
        // SAFETY: the memory is ours and lives longer than the screen, which is
        // left at the end; meanwhile nobody else touches it.
        let framebuffer = unsafe { FrameBuffer::new(pixels.0.as_mut_ptr() as u64, info) };
        let (dashboard, screen) = &mut *TESTED.lock();
        *dashboard = Dashboard::new();
        let framebuffer = Framebuffer::new(framebuffer).expect("a sound geometry");
        screen.attach(framebuffer, whole_screen(Size::new(1280, 800)));
        dashboard.begin(&mut screen.canvas().expect("it was attached"));
        let mut show = |dashboard: &mut Dashboard, blocks: &Blocks| {
            dashboard.draw(&mut screen.canvas().expect("it was attached"), blocks);
        };
        dashboard.gather();
        blocks::with(|blocks| show(dashboard, blocks));
        work();
        dashboard.gather();
        blocks::with(|blocks| show(dashboard, blocks));
        screen.detach();
        pixels
    }

    /// How many pixels of `area` have this colour.
    fn count(&self, area: Rectangle, color: Rgb888) -> usize {
        let bytes = [color.b(), color.g(), color.r(), 0];
        let is_colored = |point: &Point| {
            let index = 4 * (point.y as usize * WIDTH + point.x as usize);
            self.0[index..index + 4] == bytes
        };
        area.points().filter(is_colored).count()
    }
}

/// The part of the map's pane that the blocks lie in.
fn map_area() -> Rectangle {
    let pane = layout::Layout::of(Size::new(1280, 800)).map;
    let pane = pane.expect("there is room for the map");
    Rectangle::new(
        pane.top_left + Point::new(layout::ADDRESSES as i32, layout::TITLE as i32),
        Size::new(pane.size.width - layout::ADDRESSES, 18 * 13),
    )
}

/// The pixels that the map has of a state: by its blocks, as they are now.
fn expected(blocks: &Blocks, state: FrameState) -> usize {
    let width = map_area().size.width as usize / COLUMNS - 1;
    let blocks = blocks.rows().iter().flat_map(|row| row.blocks());
    let height: usize = blocks
        .map(|block| usize::from(block.bands(12)[state as usize]))
        .sum();
    height * width
}

#[test_case]
fn the_maps_colours_agree_with_the_blocks_after_an_incremental_draw() {
    let base = VirtAddr::new(0x7000_0000);
    let pixels = Pixels::drawn(|| {
        let request = Request::new(64 * 4096, Backing::Demand).placement(Placement::At(base));
        spaces::current(|space, memory| space.allocate(request, memory))
            .expect("the low half is empty");
        for page in 0..64 {
            // SAFETY: the region is this test's own, and holds no Rust value.
            unsafe { access::write_byte(base + page * 4096, 1) };
        }
    });
    blocks::with(|blocks| {
        for state in FrameState::ALL {
            let found = pixels.count(map_area(), colors::of_frames(state));
            assert_eq!(found, expected(blocks, state), "{}", state.name());
        }
        assert!(expected(blocks, FrameState::Free) > 0);
        assert!(blocks.total(FrameState::Private) >= 64);
    });
    spaces::current(|space, memory| space.free(base, memory)).expect("it is there");
}

#[test_case]
fn every_pane_has_something_drawn_on_it_and_all_is_paper_in_between() {
    let pixels = Pixels::drawn(|| ());
    let layout = layout::Layout::of(Size::new(1280, 800));
    for pane in [layout.map, layout.regions, layout.faults, layout.path] {
        let pane = pane.expect("there is room for all");
        let all = (pane.size.width * pane.size.height) as usize;
        assert!(all - pixels.count(pane, PAPER) > all / 50, "{pane:?}");
    }
    let text = layout.text;
    let all = (text.size.width * text.size.height) as usize;
    assert_eq!(pixels.count(text, PAPER), all);
}
