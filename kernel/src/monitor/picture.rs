//! `map`: physical memory and the address space as pictures in text, of the
//! same blocks and bars that the dashboard draws.
//!
//! What is shown is gathered with the locks of memory held, and printed with
//! none of them held.

use core::fmt::Write as _;

use arrayvec::ArrayString;
use memory::space::Region;
use x86_64::PhysAddr;

use super::Monitor;
use super::answers;
use super::arguments::Arguments;
use super::error::Error;
use super::look::Half;
use super::output::Output;
use crate::account::unit::{Address, Size};
use crate::console::input::Cancelled;
use crate::picture::bar::{MOST_PARTS, Part, PartState};
use crate::picture::{Bar, Block, Blocks, COLUMNS, FrameState, blocks};

/// Bytes of a page.
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
        blocks::with(|blocks| physical(blocks, out));
    } else {
        virtual_memory(out)?;
    }
    Ok(())
}

fn physical(blocks: &Blocks, out: &mut Output<'_>) {
    let span = blocks.block_size() * COLUMNS as u64;
    let mut end = None;
    for row in blocks.rows() {
        if let Some(gap) = end.map(|end| row.start - end).filter(|&gap| gap > 0) {
            writeln!(out, "{:12}no memory for {}", "", Size(coarse(gap)));
        }
        padded(Address::from(PhysAddr::new(row.start)), 11, out);
        for block in row.blocks() {
            write!(out, "{}", letter(&block));
        }
        writeln!(out);
        end = Some(row.start + span);
    }
    let of = |state| blocks.total(state);
    let managed = FrameState::ALL
        .into_iter()
        .filter(|state| *state != FrameState::Borrowed);
    let all: u64 = managed.map(of).sum();
    writeln!(
        out,
        "cell={} free={} used={} reserved={}\n  tables={} kernel={} private={} shared={} zero={} borrowed={}",
        Size(blocks.block_size()),
        of(FrameState::Free),
        all - of(FrameState::Free),
        of(FrameState::Reserved),
        of(FrameState::Table),
        of(FrameState::Kernel),
        of(FrameState::Private),
        of(FrameState::Shared),
        of(FrameState::Zero),
        of(FrameState::Borrowed)
    );
    writeln!(
        out,
        ".=free; else the first letter of what most frames in use are, z with the zero frame, a capital if none is free"
    );
}

/// A block as a letter: that of its dominating state, large if no frame is free.
fn letter(block: &Block) -> char {
    let Some(state) = block.dominating() else {
        return ' ';
    };
    let letter = match state {
        FrameState::Free => return '.',
        FrameState::Reserved => 'r',
        FrameState::Kernel => 'k',
        FrameState::Table => 't',
        FrameState::Zero => 'z',
        FrameState::Private => 'p',
        FrameState::Shared => 's',
        FrameState::Borrowed => 'b',
    };
    if block.of(FrameState::Free) == 0 {
        letter.to_ascii_uppercase()
    } else {
        letter
    }
}

/// An address in so many columns, and a space.
fn padded(address: Address, columns: usize, out: &mut Output<'_>) {
    let mut text = ArrayString::<20>::new();
    // An address has 18 characters at most.
    let _ = write!(text, "{address}");
    write!(out, "{text:columns$} ");
}

fn virtual_memory(out: &mut Output<'_>) -> Result<(), Cancelled> {
    for half in [Half::Low, Half::Kernel] {
        let mut end = None;
        half.for_each(|region, resident| {
            if let Some(gap) = end.and_then(|end| region.base.as_u64().checked_sub(end))
                && gap > 0
            {
                let columns = half.digits() + 1;
                writeln!(out, "{:columns$}nothing for {}", "", Size(coarse(gap)));
            }
            line(half, region, resident.private, out);
            end = Some(region.end());
        })?;
    }
    writeln!(
        out,
        "#=resident +=in part s=shared z=the zero frame b=borrowed o=out on the disk f=fixed .=nothing yet x=guard"
    );
    Ok(())
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
fn line(half: Half, region: &Region, resident: u64, out: &mut Output<'_>) {
    let bar = half.look(|half| Bar::of(region, half));
    padded(Address::from(region.base), half.digits(), out);
    write!(out, "[");
    for part in bar.parts() {
        write!(out, "{}", part_letter(*part));
    }
    write!(out, "]");
    out.repeat(" ", MOST_PARTS - bar.parts().len());
    write!(
        out,
        " {} {} {} resident={resident} of={}",
        Size(region.size),
        region.backing,
        answers::rights(region),
        region.size / PAGE
    );
    if !region.label.is_empty() {
        write!(out, " {}", region.label);
    }
    writeln!(out);
}

fn part_letter(part: Part) -> char {
    match part.state {
        PartState::Nothing => '.',
        PartState::Guard => 'x',
        PartState::Shared => 's',
        PartState::Zero => 'z',
        PartState::Borrowed => 'b',
        PartState::Swapped => 'o',
        PartState::Fixed => 'f',
        PartState::Private if part.is_whole => '#',
        PartState::Private => '+',
    }
}
