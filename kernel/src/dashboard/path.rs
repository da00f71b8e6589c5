//! The pane of the last fault: what it was, what was done, and the walk to its
//! address as it goes now, as a path through the four tables.
//!
//! ```text
//!  level 4 [  0]   level 3 [  0]   level 2 [  0]   level 1 [ 16]   frame
//!  bits 47-39      bits 38-30      bits 29-21      bits 20-12      bits 11-0
//!  000000000       000000000       000000000       000010000       offset 0x5
//!  +--+            +--+            +--+            +--+            +--+
//!  |==|---------...|==|---------...|  |            |  |            |  |
//!  |  |            |  |            |  |            |  |            |  |
//! ```
//!
//! A table is a strip of 512 entries, with a mark at the one that is on the
//! way; a line leads from it to the first entry of the next table.

use core::fmt;

use embedded_graphics::prelude::*;
use embedded_graphics::primitives::Rectangle;
use memory::Outcome;
use memory::fault_log::Event;
use memory::paging::{EntryKind, Step, Walk, index_at};
use x86_64::PhysAddr;

use super::caption::Caption;
use super::colors;
use super::layout::{LINE, TITLE};
use super::piece::{COLUMNS, PIECES, Piece, pieces, table, width};
use crate::console::{CHARACTER_WIDTH, Canvas, INK};
use crate::picture::FrameState;
use crate::spaces;

/// Characters of the longest title of a table.
const WHOLE_TITLE: u32 = 13;

/// Lines of text above a table.
const COLUMN_LINES: usize = 5;

/// The pane, what it is to show, and what is on it.
pub(super) struct Path {
    found: Option<Found>,
    shown: Option<Found>,
    lines: [Caption; 2],
    columns: [[Caption; COLUMN_LINES]; COLUMNS as usize],
    pieces: [Piece; PIECES],
}

/// A fault, and the walk to its address.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Found {
    event: Event,
    walk: Walk,
    /// What the frame is in which the walk ends.
    frame: Option<FrameState>,
}

impl Path {
    pub(super) const fn new() -> Self {
        Self {
            found: None,
            shown: None,
            lines: [const { Caption::EMPTY }; 2],
            columns: [const { [const { Caption::EMPTY }; COLUMN_LINES] }; COLUMNS as usize],
            pieces: [Piece::Nothing; PIECES],
        }
    }

    /// Draws what never changes.
    pub(super) fn begin(canvas: &mut Canvas<'_>, area: Rectangle) {
        for number in 0..COLUMNS {
            canvas.outline(table(area, number), colors::RULE);
        }
    }

    /// Reads the last event, and walks to its address.
    pub(super) fn gather(&mut self) {
        let memory = spaces::memory();
        self.found = memory.fault_log(|log| log.last()).map(|event| {
            let address = event.fault.address;
            let walk = spaces::look(address, |half| half.walk(address));
            let frame = walk.physical().map(state_of);
            Found { event, walk, frame }
        });
    }

    /// Draws what has changed.
    pub(super) fn draw(&mut self, canvas: &mut Canvas<'_>, area: Rectangle) {
        let (Some(found), shown) = (self.found, self.shown) else {
            return;
        };
        self.shown = self.found;
        if shown == Some(found) {
            return;
        }
        self.tell(canvas, area, found.event);
        for number in 0..COLUMNS {
            let stop = found.stop(number);
            let before = shown.map(|shown| shown.stop(number));
            if before != Some(stop) {
                self.column(canvas, area, number, &stop);
            }
        }
        self.draw_path(canvas, area, &found);
    }

    /// Draws marks and lines, and paper where they no longer are.
    fn draw_path(&mut self, canvas: &mut Canvas<'_>, area: Rectangle, found: &Found) {
        let pieces = pieces(&found.walk, found.frame);
        let (old, new) = (&self.pieces, &pieces);
        let changed = || old.iter().zip(new).filter(|(old, new)| old != new);
        for (old, _) in changed() {
            old.draw(canvas, area, true);
        }
        for (_, new) in changed() {
            new.draw(canvas, area, false);
        }
        self.pieces = pieces;
    }

    /// What the fault was, and what was done.
    fn tell(&mut self, canvas: &mut Canvas<'_>, area: Rectangle, event: Event) {
        let columns = area.size.width / CHARACTER_WIDTH;
        let [first, second] = &mut self.lines;
        let at = area.top_left + Point::new(0, TITLE as i32);
        first.show(canvas, at, columns, INK, format_args!("{}", event.fault));
        let ink = match event.outcome {
            Outcome::Refused(_) => colors::REFUSED,
            _ => INK,
        };
        let at = at + Point::new(0, LINE as i32);
        let outcome = event.outcome;
        match event.frame.as_u64() {
            0 => second.show(canvas, at, columns, ink, format_args!("{outcome}")),
            frame => {
                let text = format_args!("{outcome}: {frame:#x}");
                second.show(canvas, at, columns, ink, text);
            }
        }
    }

    /// The text above one table, or above the frame.
    fn column(&mut self, canvas: &mut Canvas<'_>, area: Rectangle, number: u32, stop: &Stop) {
        let columns = width(area) / CHARACTER_WIDTH - 1;
        let corner = area.top_left + Point::new((number * width(area)) as i32, 0);
        let mut lines = (0..).zip(&mut self.columns[number as usize]);
        let mut show = |ink, text: fmt::Arguments<'_>| {
            if let Some((line, caption)) = lines.next() {
                let y = TITLE + (2 + line) * LINE;
                caption.show(canvas, corner + Point::new(0, y as i32), columns, ink, text);
            }
        };
        let level_is = if columns < WHOLE_TITLE { "L" } else { "level " };
        match *stop {
            Stop::Table(level, index, Some(step)) => {
                show(INK, format_args!("{level_is}{level} [{index:>3}]"));
                show(colors::DIM, format_args!("{}", Bits(level)));
                show(INK, format_args!("{index:09b}"));
                if step.entry.is_present() {
                    show(colors::DIM, format_args!("{}", step.flags()));
                } else {
                    show(colors::REFUSED, format_args!("absent"));
                }
                show(colors::DIM, format_args!("{}", Target::of(&step)));
            }
            Stop::Table(level, index, None) => {
                show(colors::DIM, format_args!("{level_is}{level} [{index:>3}]"));
                show(colors::DIM, format_args!("{}", Bits(level)));
                show(colors::DIM, format_args!("{index:09b}"));
                show(INK, format_args!(""));
                show(INK, format_args!(""));
            }
            Stop::Frame(Some(physical)) => {
                let (frame, offset) = (physical.align_down(4096_u64), physical.as_u64() % 4096);
                show(INK, format_args!("frame"));
                show(colors::DIM, format_args!("bits 11-0"));
                show(INK, format_args!("offset {offset:#x}"));
                show(INK, format_args!(""));
                show(INK, format_args!("{frame:#x}"));
            }
            Stop::Frame(None) => {
                show(INK, format_args!("frame"));
                show(INK, format_args!(""));
                show(INK, format_args!(""));
                show(colors::REFUSED, format_args!("not mapped"));
                show(INK, format_args!(""));
            }
        }
    }
}

/// What a column stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// The table of a level, the index into it, and the entry if the walk came so far.
    Table(u8, u16, Option<Step>),
    /// What the address is translated to, if it is mapped.
    Frame(Option<PhysAddr>),
}

impl Found {
    /// What a column stands for now.
    fn stop(&self, number: u32) -> Stop {
        match 4_u8.saturating_sub(number as u8) {
            0 => Stop::Frame(self.walk.physical()),
            level => {
                let step = self.walk.steps().find(|step| step.level == level);
                Stop::Table(level, index_at(self.walk.address, level), step)
            }
        }
    }
}

/// The bits of an address that choose the entry in a table of this level.
struct Bits(u8);

impl fmt::Display for Bits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let low = 12 + 9 * (u32::from(self.0) - 1);
        write!(f, "bits {}-{low}", low + 8)
    }
}

/// Where an entry leads to.
struct Target(EntryKind);

impl Target {
    fn of(step: &Step) -> Self {
        Self(step.entry.kind(step.level))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            EntryKind::Table(table) => write!(f, "-> {table:#x}"),
            EntryKind::Leaf(start, size) => write!(f, "{size} {start:#x}"),
            EntryKind::Swapped(slot) => write!(f, "{slot}"),
            EntryKind::Unused | EntryKind::Reserved | EntryKind::Unknown(_) => Ok(()),
        }
    }
}

/// What the frame of a page is.
fn state_of(physical: PhysAddr) -> FrameState {
    let memory = spaces::memory();
    if physical.align_down(4096_u64) == memory.zero_frame().start_address() {
        FrameState::Zero
    } else if memory.owners(physical) > 0 {
        FrameState::Shared
    } else {
        FrameState::Private
    }
}
