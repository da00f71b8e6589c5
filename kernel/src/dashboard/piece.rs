//! The drawing in the pane of the last fault, in pieces that are drawn and taken
//! away one by one: the marks at the entries on the way, the lines that lead
//! from each to the next table, and the frame at the end.

use embedded_graphics::prelude::*;
use embedded_graphics::primitives::Rectangle;
use memory::paging::Walk;

use super::colors;
use super::layout::{LINE, PATH_LINES, TABLE_HEIGHT, TITLE};
use crate::console::{Canvas, PAPER};
use crate::picture::FrameState;

/// Four tables, and the frame.
pub(super) const COLUMNS: u32 = 5;
/// The number of the frame's column.
const FRAME: u32 = 4;
/// Pieces of the path.
pub(super) const PIECES: usize = 9;
/// Width of a table.
const TABLE_WIDTH: u32 = 24;
/// Height of the mark at an entry.
const MARK: u32 = 3;

/// A piece of the path; tables are numbered from the root, 0, to the frame, 4.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    Nothing,
    /// An entry, so many pixels down its table.
    Mark {
        table: u32,
        y: u32,
        is_present: bool,
    },
    /// From such an entry to the top of another table.
    Line {
        table: u32,
        y: u32,
        to: u32,
    },
    /// The frame.
    Frame {
        state: FrameState,
    },
}

impl Piece {
    /// Draws it, or paper where it was.
    pub(super) fn draw(self, canvas: &mut Canvas<'_>, area: Rectangle, is_erased: bool) {
        let or_paper = |color| if is_erased { PAPER } else { color };
        match self {
            Self::Nothing => {}
            Self::Mark {
                table: number,
                y,
                is_present,
            } => {
                let color = if is_present {
                    colors::PATH
                } else {
                    colors::REFUSED
                };
                let at = table(area, number).top_left + Point::new(1, 1 + y as i32);
                let size = Size::new(TABLE_WIDTH - 2, MARK);
                canvas.fill(Rectangle::new(at, size), or_paper(color));
            }
            Self::Line {
                table: number,
                y,
                to,
            } => {
                let mark = Point::new(TABLE_WIDTH as i32 + 1, 2 + y as i32);
                let start = table(area, number).top_left + mark;
                let end = table(area, to).top_left + Point::new(-2, 1);
                canvas.line(start, end, or_paper(colors::PATH));
            }
            Self::Frame { state } => {
                let frame = table(area, FRAME);
                let inside = Rectangle::new(
                    frame.top_left + Point::new(1, 1),
                    frame.size - Size::new(2, 2),
                );
                canvas.fill(inside, or_paper(colors::of_frames(state)));
            }
        }
    }
}

/// The path in pieces: four marks, four lines and the frame, if it ends in one.
pub(super) fn pieces(walk: &Walk, frame: Option<FrameState>) -> [Piece; PIECES] {
    let mut pieces = [Piece::Nothing; PIECES];
    let mut steps = walk.steps().peekable();
    while let Some(step) = steps.next() {
        let table = u32::from(4 - step.level);
        let y = u32::from(step.index) * (TABLE_HEIGHT - MARK - 2) / 512;
        let is_present = step.entry.is_present();
        pieces[table as usize] = Piece::Mark {
            table,
            y,
            is_present,
        };
        let to = match steps.peek() {
            Some(next) => Some(u32::from(4 - next.level)),
            None => walk.physical().map(|_| FRAME),
        };
        if let Some(to) = to {
            pieces[table as usize + 4] = Piece::Line { table, y, to };
        }
    }
    if let Some(state) = frame {
        pieces[PIECES - 1] = Piece::Frame { state };
    }
    pieces
}

/// Pixels from one table to the next.
pub(super) fn width(area: Rectangle) -> u32 {
    area.size.width / COLUMNS
}

/// The place of a table, 0 for that of level 4; of the frame with 4.
pub(super) fn table(area: Rectangle, number: u32) -> Rectangle {
    let y = TITLE + PATH_LINES * LINE + 4;
    let offset = Point::new((number * width(area)) as i32, y as i32);
    let size = Size::new(TABLE_WIDTH, TABLE_HEIGHT);
    Rectangle::new(area.top_left + offset, size)
}
