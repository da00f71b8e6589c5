//! The pane of physical memory: a map of blocks, and what their colours mean.
//!
//! A block is a stack of bands, one for each state that frames in it are in,
//! as [`StateCounts::bands`](crate::picture::state::StateCounts::bands) shares its height:
//! a single frame among many is still seen.

use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::Rectangle;
use memory::words::Count;

use super::caption::Caption;
use super::colors;
use super::layout::{ADDRESSES, LEGEND_LINES, LINE, TITLE};
use crate::account::unit::Size as Bytes;
use crate::console::{CHARACTER_HEIGHT, CHARACTER_WIDTH, Canvas, INK, PAPER};
use crate::picture::blocks::MOST_ROWS;
use crate::picture::{Block, Blocks, COLUMNS, FrameState, Row};

/// Height of a block, the line below it apart.
const HEIGHT: u8 = CHARACTER_HEIGHT as u8 - 1;

/// The pane, and what is on it.
pub(super) struct Map {
    shown: [Option<Row>; MOST_ROWS],
    /// What title and legend say.
    size: u64,
    totals: [Option<u64>; FrameState::COUNT],
    title: Caption,
    addresses: [Caption; MOST_ROWS],
    legend: [Caption; FrameState::COUNT],
}

impl Map {
    pub(super) const fn new() -> Self {
        Self {
            shown: [None; MOST_ROWS],
            size: 0,
            totals: [None; FrameState::COUNT],
            title: Caption::EMPTY,
            addresses: [const { Caption::EMPTY }; MOST_ROWS],
            legend: [const { Caption::EMPTY }; FrameState::COUNT],
        }
    }

    /// Draws what has changed.
    pub(super) fn draw(&mut self, canvas: &mut Canvas<'_>, area: Rectangle, blocks: &Blocks) {
        let size = blocks.block_size();
        if self.size != size {
            self.size = size;
            self.title.show(
                canvas,
                area.top_left + Point::new(16 * CHARACTER_WIDTH as i32, 0),
                area.size.width / CHARACTER_WIDTH - 16,
                colors::DIM,
                format_args!("a block: {}, {}", Count(size / 4096, "frame"), Bytes(size)),
            );
        }
        for index in 0..MOST_ROWS {
            let y = TITLE as i32 + index as i32 * CHARACTER_HEIGHT as i32;
            let at = area.top_left + Point::new(0, y);
            let row = blocks.rows().get(index);
            self.row(canvas, at, block_width(area), index, row);
        }
        self.legend(canvas, area, blocks);
    }

    fn row(
        &mut self,
        canvas: &mut Canvas<'_>,
        at: Point,
        width: u32,
        index: usize,
        row: Option<&Row>,
    ) {
        let (caption, shown) = (&mut self.addresses[index], &mut self.shown[index]);
        let place = at + Point::new(ADDRESSES as i32, 0);
        let columns = ADDRESSES / CHARACTER_WIDTH;
        let Some(row) = row else {
            if shown.is_some() {
                *shown = None;
                caption.show(canvas, at, columns, colors::DIM, format_args!(""));
                let size = Size::new(width * COLUMNS as u32, HEIGHT.into());
                canvas.fill(Rectangle::new(place, size), PAPER);
            }
            return;
        };
        if shown.as_ref().is_none_or(|shown| shown.start != row.start) {
            let text = format_args!("{:#x}", row.start);
            caption.show(canvas, at, columns, colors::DIM, text);
        }
        match shown {
            Some(shown) => draw_changed(canvas, place, width, row, shown),
            None => {
                draw_all(canvas, place, width, row);
                *shown = Some(*row);
            }
        }
    }

    fn legend(&mut self, canvas: &mut Canvas<'_>, area: Rectangle, blocks: &Blocks) {
        let columns = FrameState::COUNT.div_ceil(LEGEND_LINES as usize) as u32;
        let width = area.size.width / columns;
        let top = TITLE + MOST_ROWS as u32 * CHARACTER_HEIGHT + 4;
        for (index, state) in (0..).zip(FrameState::ALL) {
            let (x, y) = (index % columns * width, top + index / columns * LINE);
            let at = area.top_left + Point::new((x + 14) as i32, y as i32);
            let caption = &mut self.legend[state as usize];
            let room = (width - 14) / CHARACTER_WIDTH;
            let count = blocks.total(state);
            if self.totals[state as usize].replace(count) == Some(count) {
                continue;
            }
            // The count first: what does not fit is cut off.
            let text = format_args!("{count} {}", state.name());
            caption.show(canvas, at, room, INK, text);
        }
    }

    /// Draws what never changes.
    pub(super) fn begin(canvas: &mut Canvas<'_>, area: Rectangle) {
        let columns = FrameState::COUNT.div_ceil(LEGEND_LINES as usize) as u32;
        let top = TITLE + MOST_ROWS as u32 * CHARACTER_HEIGHT + 4;
        for (index, state) in (0..).zip(FrameState::ALL) {
            let x = index % columns * (area.size.width / columns);
            let y = top + index / columns * LINE + 2;
            let at = area.top_left + Point::new(x as i32, y as i32);
            let swatch = Rectangle::new(at, Size::new(9, 9));
            canvas.fill(swatch, colors::of_frames(state));
        }
    }
}

/// Pixels from one block to the next, in this pane.
fn block_width(area: Rectangle) -> u32 {
    (area.size.width - ADDRESSES) / COLUMNS as u32
}

/// Draws a row of blocks.
fn draw_all(canvas: &mut Canvas<'_>, at: Point, width: u32, row: &Row) {
    let mut blocks = [Column::EMPTY; COLUMNS];
    for (column, block) in blocks.iter_mut().zip(row.blocks()) {
        *column = Column::of(&block);
    }
    canvas.cells(at, (width, HEIGHT.into()), |y| {
        blocks.each_ref().map(|block| block.0[y as usize])
    });
}

/// Draws those blocks of a row that are not what is shown.
fn draw_changed(canvas: &mut Canvas<'_>, at: Point, width: u32, row: &Row, shown: &mut Row) {
    row.update(shown, |column, block| {
        let block = Column::of(&block);
        let at = at + Point::new((column as u32 * width) as i32, 0);
        canvas.cells(at, (width, HEIGHT.into()), |y| [block.0[y as usize]]);
    });
}

/// The colours of a block, from its top down.
#[derive(Clone, Copy)]
struct Column([Rgb888; HEIGHT as usize]);

impl Column {
    const EMPTY: Self = Self([PAPER; HEIGHT as usize]);

    /// Bands are stacked from below; a block without a frame is paper.
    fn of(block: &Block) -> Self {
        let mut column = Self::EMPTY;
        let mut rest = &mut column.0[..];
        for (state, height) in FrameState::ALL.into_iter().zip(block.bands(HEIGHT)) {
            let (above, band) = rest.split_at_mut(rest.len() - usize::from(height));
            band.fill(colors::of_frames(state));
            rest = above;
        }
        column
    }
}
