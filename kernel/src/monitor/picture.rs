//! `map`: physical memory and the address space as pictures in text.
//!
//! What is drawn is gathered a line at a time with the locks held, and printed
//! with none held.

use memory::Physical;
use memory::Space;
use memory::frames::State;
use memory::space::{Backing, Region, Resident};
use x86_64::PhysAddr;

use super::Monitor;
use super::arguments::Arguments;
use super::error::Error;
use super::look::{self, Half};
use super::number::{Address, Size};
use super::output::Output;
use crate::spaces;

/// Cells in a line of physical memory.
const COLUMNS: usize = 64;
/// Lines that physical memory should take, if it lies in one piece.
const ROWS: u64 = 16;
/// Cells in the bar of a region, at most.
const BAR: u64 = 32;
/// Bytes of a frame or page.
const PAGE: u64 = 4096;

/// `map <physical|virtual>`
pub(super) fn map<'a>(
    _: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    let pictures = [("physical", true), ("virtual", false)];
    let is_physical = arguments.choice("<physical|virtual>", &pictures, "physical and virtual")?;
    arguments.end()?;
    if is_physical {
        physical(out);
    } else {
        virtual_memory(out);
    }
    Ok(())
}

/// The frames (4 KiB) of a cell, by state.
#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    free: u64,
    used: u64,
    reserved: u64,
}

impl Cell {
    fn picture(self) -> char {
        match self {
            Self {
                free: 0,
                used: 0,
                reserved: 0,
            } => ' ',
            Self {
                used: 0,
                reserved: 0,
                ..
            } => '.',
            Self {
                free: 0,
                used,
                reserved,
            } if reserved > used => 'r',
            Self { free: 0, .. } => '#',
            _ => '+',
        }
    }
}

/// A line of physical memory: where it begins, and its cells.
struct Row {
    start: u64,
    cells: [Cell; COLUMNS],
}

impl Row {
    /// The first line at `bound` or above that holds managed memory.
    fn find(physical: &Physical<'_>, bound: u64, cell: u64) -> Option<Self> {
        let span = cell * COLUMNS as u64;
        let mut row: Option<Self> = None;
        for (range, state) in physical.frames().states() {
            let (from, end) = (range.start.as_u64().max(bound), range.end.as_u64());
            if from >= end {
                continue;
            }
            let row = row.get_or_insert_with(|| Self {
                start: from - from % span,
                cells: [Cell::default(); COLUMNS],
            });
            if from >= row.start + span {
                break;
            }
            row.add(from, end.min(row.start + span), cell, state);
        }
        row
    }

    fn add(&mut self, from: u64, end: u64, size: u64, state: State) {
        let mut from = from;
        while from < end {
            let index = (from - self.start) / size;
            let stop = end.min(self.start + (index + 1) * size);
            let cell = &mut self.cells[index as usize];
            let frames = match state {
                State::Free => &mut cell.free,
                State::Used => &mut cell.used,
                State::Reserved => &mut cell.reserved,
            };
            *frames += (stop - from) / PAGE;
            from = stop;
        }
    }
}

fn physical(out: &mut Output<'_>) {
    let counts = spaces::physical(|physical| physical.frames().counts());
    let cell = (counts.total * PAGE)
        .div_ceil(ROWS * COLUMNS as u64)
        .max(PAGE)
        .next_power_of_two();
    let mut bound = 0;
    while let Some(row) = spaces::physical(|physical| Row::find(physical, bound, cell)) {
        if row.start > bound && bound > 0 {
            writeln!(
                out,
                "{:20}no memory for {}",
                "",
                Size(coarse(row.start - bound))
            );
        }
        write!(out, "{}  ", Address::from(PhysAddr::new(row.start)));
        for cell in row.cells {
            write!(out, "{}", cell.picture());
        }
        writeln!(out);
        bound = row.start + cell * COLUMNS as u64;
    }
    writeln!(
        out,
        "cell={} .=free +=in part #=used r=reserved; free={} used={} reserved={}",
        Size(cell),
        counts.free,
        counts.used,
        counts.reserved
    );
}

fn virtual_memory(out: &mut Output<'_>) {
    for half in [Half::Low, Half::Kernel] {
        let mut end = None;
        half.for_each(|region, resident| {
            if let Some(gap) = end.and_then(|end| region.base.as_u64().checked_sub(end))
                && gap > 0
            {
                writeln!(out, "{:20}nothing for {}", "", Size(coarse(gap)));
            }
            bar(half, region, resident, out);
            end = Some(region.end());
        });
    }
    writeln!(
        out,
        "#=resident +=in part z=the zero frame b=borrowed .=nothing yet x=guard"
    );
}

/// A number of bytes without the digits that nobody reads in a picture.
fn coarse(bytes: u64) -> u64 {
    let unit = match bytes {
        0x2_0000_0000.. => 1 << 30,
        0x80_0000.. => 1 << 20,
        _ => 1,
    };
    bytes - bytes % unit
}

/// A region as a line: what of it is resident, from its base to its end.
fn bar(half: Half, region: &Region, resident: Resident, out: &mut Output<'_>) {
    let pages = region.size / PAGE;
    let cells = pages.min(BAR);
    write!(out, "{}  [", Address::from(region.base));
    for cell in 0..cells {
        let (from, end) = (pages * cell / cells, pages * (cell + 1) / cells);
        let mut part = *region;
        part.base += from * PAGE;
        part.size = (end - from) * PAGE;
        let resident = half.look(|space: &Space, physical| space.resident(&part, physical));
        write!(out, "{}", part_picture(&part, resident));
    }
    write!(out, "]");
    out.repeat(" ", (BAR - cells) as usize);
    write!(
        out,
        " {} {} {} resident={} of={}",
        Size(region.size),
        region.backing,
        look::rights(region),
        resident.private,
        pages
    );
    if !region.label.is_empty() {
        write!(out, " {}", region.label);
    }
    writeln!(out);
}

fn part_picture(part: &Region, resident: Resident) -> char {
    let pages = part.size / PAGE;
    match resident {
        _ if part.backing == Backing::Guard => 'x',
        Resident {
            private: 0,
            zero: 0,
            borrowed: 0,
        } => '.',
        Resident {
            private: 0,
            borrowed: 0,
            ..
        } => 'z',
        Resident { private: 0, .. } => 'b',
        Resident { private, .. } if private >= pages => '#',
        _ => '+',
    }
}
