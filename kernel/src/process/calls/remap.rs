//! Mappings made larger or smaller, and moved, with all that their pages hold.
//!
//! ```text
//!   smaller ..................... the end goes
//!   larger, nothing behind it ... it grows where it is
//!   larger, something behind it . it moves, if it may
//!   to a given address .......... what is there goes, and it moves
//! ```
//!
//! A range of several mappings, with gaps or without, moves if it keeps its size.
//! What must always hold: a call that is refused for its arguments changes nothing.
//! One that runs out of frames may have ended what was at the given address, as
//! Linux ends it first, too.

use bitflags::bitflags;
use memory::{Memory, Space};
use x86_64::VirtAddr;

use super::super::Process;
use super::Errno;
use super::range::{LIMIT, LOWEST, PAGE, Part, is_free, mapping_at, place, whole_pages};
use crate::spaces;

bitflags! {
    /// What `mremap` is told (Linux: include/uapi/linux/mman.h).
    #[derive(Clone, Copy)]
    struct Flags: u64 {
        const MAY_MOVE = 1;
        const FIXED = 2;
    }
}

/// What `mremap` is to do.
struct Remap {
    /// Where the pages are.
    from: u64,
    old_size: u64,
    new_size: u64,
    /// Where they are to go, if they must.
    to: Option<u64>,
    may_move: bool,
}

/// `mremap(address, length, new length, flags, new address)`: returns the first
/// address. A second mapping of shared memory (a length of 0) is not made.
#[inline(never)]
pub(super) fn mremap(process: &Process) -> Result<u64, Errno> {
    let [from, length, new_length, flags, to, _] = process.arguments();
    let flags = Flags::from_bits(flags).ok_or(Errno::INVALID)?;
    let size = |length| whole_pages(length).filter(|size| (PAGE..=LIMIT).contains(size));
    let remap = Remap {
        from,
        old_size: size(length).ok_or(Errno::INVALID)?,
        new_size: size(new_length).ok_or(Errno::INVALID)?,
        to: flags.contains(Flags::FIXED).then_some(to),
        may_move: flags.contains(Flags::MAY_MOVE),
    };
    remap.check()?;
    spaces::current(|space, memory| remap.run(space, memory))
}

impl Remap {
    /// Checks what can be said without looking at the space.
    fn check(&self) -> Result<(), Errno> {
        if !self.from.is_multiple_of(PAGE) {
            return Err(Errno::INVALID);
        }
        let Some(to) = self.to else { return Ok(()) };
        let overlaps = self.from < to.saturating_add(self.new_size)
            && to < self.from.saturating_add(self.old_size);
        let fits = to.is_multiple_of(PAGE) && to <= LIMIT - self.new_size;
        if !self.may_move || !fits || overlaps {
            return Err(Errno::INVALID);
        }
        if to < LOWEST {
            return Err(Errno::NOT_PERMITTED);
        }
        Ok(())
    }

    fn run(&self, space: &mut Space, memory: &Memory) -> Result<u64, Errno> {
        let mapping = mapping_at(space, self.from).ok_or(Errno::BAD_ADDRESS)?;
        if self.old_size > LIMIT - self.from {
            return Err(Errno::INVALID);
        }
        let end = self.from + self.old_size;
        if self.is_of_one() && self.from + self.kept_size() > mapping.end() {
            return Err(Errno::BAD_ADDRESS);
        }
        if let Some(to) = self.to {
            free(space, to, self.new_size, memory)?;
            self.shrink(space, memory)?;
            return self.carry(to, space, memory);
        }
        if self.new_size <= self.old_size {
            self.shrink(space, memory)?;
            return Ok(self.from);
        }
        let more = self.new_size - self.old_size;
        let has_room = more <= LIMIT - end && is_free(space, end, end + more);
        if end == mapping.end() && has_room {
            let grown = space.grow(mapping.allocation(), more, memory);
            grown.map_err(|_| Errno::NO_MEMORY)?;
            space.join(VirtAddr::new_truncate(end), more, memory);
            return Ok(self.from);
        }
        if !self.may_move {
            return Err(Errno::NO_MEMORY);
        }
        let to = place(space, 0, self.new_size).ok_or(Errno::NO_MEMORY)?;
        self.carry(to, space, memory)
    }

    /// Bytes that stay mapped.
    fn kept_size(&self) -> u64 {
        self.old_size.min(self.new_size)
    }

    /// True if what stays mapped must be one mapping: what grows, and what goes to a
    /// given address in another size.
    fn is_of_one(&self) -> bool {
        self.new_size > self.old_size || self.to.is_some() && self.new_size < self.old_size
    }

    /// Ends what is mapped behind the new size.
    fn shrink(&self, space: &mut Space, memory: &Memory) -> Result<(), Errno> {
        let fewer = self.old_size.saturating_sub(self.new_size);
        free(space, self.from + self.new_size, fewer, memory)
    }

    /// Moves every mapping, and the gaps between them, to where nothing is; the
    /// last one grows there.
    fn carry(&self, to: u64, space: &mut Space, memory: &Memory) -> Result<u64, Errno> {
        let end = self.from + self.kept_size();
        let mut next = self.from;
        while let Some(part) = Part::first(space, next, end) {
            let target = VirtAddr::new_truncate(to + (part.start - self.from));
            let moved = space.move_range(part.address(), part.size(), target, memory);
            moved.map_err(|_| Errno::NO_MEMORY)?;
            next = part.end;
        }
        let start = VirtAddr::new_truncate(to);
        if self.new_size > self.old_size {
            let grown = space.grow(start, self.new_size - self.old_size, memory);
            grown.map_err(|_| Errno::NO_MEMORY)?;
        }
        space.join(start, self.new_size, memory);
        Ok(to)
    }
}

/// Ends what is mapped in a range, which may be empty.
fn free(space: &mut Space, start: u64, size: u64, memory: &Memory) -> Result<(), Errno> {
    if size == 0 {
        return Ok(());
    }
    let freed = space.free_range(VirtAddr::new_truncate(start), size, memory);
    freed.map(drop).map_err(|_| Errno::NO_MEMORY)
}
