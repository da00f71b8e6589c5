//! A copy of a low half: its regions, and its pages, which both share until one
//! of the two writes.
//!
//! ```text
//!              before      parent      child
//!  private     frame       shared ──┐
//!                          shared <─┴─ the same frame, read-only in both
//!  shared,     frame       as it was,  and one owner more
//!  object's
//!  in a slot   slot        as it was,  and one owner more
//!  zero, borrowed, reserved, unused    taken over as what they are
//! ```
//!
//! What must always hold: the parent's entries change last, once nothing can fail
//! any more; rights come from the regions, so that a page which is shared
//! already keeps its right to be written; narrowed entries are flushed. In the
//! book: chapter 14, `docs/14-fork.md`.
#![allow(unsafe_code)]

use core::error::Error;
use core::fmt;

use x86_64::PhysAddr;

use super::halves::{HALF, LOWEST};
use super::map::make_tables;
use super::protect::is_narrower;
use super::regions::{Record, Regions};
use super::{Content, Half};
use crate::flush::FlushBatch;
use crate::frames::{OutOfFrames, Shortage};
use crate::memory::{Memory, ShareError};
use crate::paging::{Cursor, Entry, EntryKind, LeafSize};
use crate::slot::Slot;

/// Why [`Space::fork`](super::Space::fork) refused. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ForkError {
    /// Not enough frames for tables, records, reserved pages and owner counts.
    OutOfFrames(Shortage),
    /// A slot has as many owners as can be counted: 2^32 - 1.
    TooManySlotOwners {
        /// The slot.
        slot: Slot,
    },
    /// A frame has as many owners as can be counted: 2^32 - 1.
    TooManyOwners {
        /// Where it starts.
        frame: PhysAddr,
    },
    /// The owners of a frame cannot be counted: it is none that is managed here, or
    /// lies above 256 TiB.
    NotCounted {
        /// Where it starts.
        frame: PhysAddr,
    },
}

impl fmt::Display for ForkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfFrames(shortage) => write!(f, "the copy {shortage}"),
            Self::TooManySlotOwners { slot } => write!(
                f,
                "{slot} has {} owners already, and more cannot be counted",
                u32::MAX
            ),
            Self::TooManyOwners { frame } => write!(
                f,
                "the frame {frame:#x} has {} owners already, and more cannot be counted",
                u32::MAX
            ),
            Self::NotCounted { frame } => write!(
                f,
                "the owners of the frame {frame:#x} cannot be counted: it is not managed here, or too high"
            ),
        }
    }
}

impl Error for ForkError {}

impl Half {
    /// Makes a copy that shares the pages.
    pub(super) fn fork(&mut self, memory: &Memory) -> Result<Self, ForkError> {
        self.check(memory);
        let root = match memory.new_table() {
            Ok(root) => root,
            Err(OutOfFrames) => return Err(self.fork_error(ShareError::OutOfFrames, memory)),
        };
        Cursor::share_kernel_half(self.cursor.root(), root);
        let mut child = Self::low(root, memory);
        child.next_source = self.next_source;
        child.resident = self.resident;
        match self.copy_to(&mut child, memory) {
            Ok(()) => {
                self.share_leaves(&mut child, memory);
                Ok(child)
            }
            Err(error) => {
                // SAFETY: nobody else has seen the root, and the child ends here.
                unsafe { child.take_down(memory) };
                self.unshare_leaves(memory);
                Err(self.fork_error(error, memory))
            }
        }
    }

    /// Copies all regions and leaves, and counts the owners. The own leaves stay
    /// as they are.
    fn copy_to(&mut self, child: &mut Self, memory: &Memory) -> Result<(), ShareError> {
        let mut next = self.regions.from(0).copied();
        while let Some(record) = next {
            let base = record.base();
            memory.with_frames(|frames| child.regions.reserve(&[base], frames))?;
            let mut copy = record;
            copy.region.faults = 0;
            copy.region.hold_again(memory);
            child.regions.insert(copy);
            if record.region.backing.is_managed() {
                self.copy_leaves(&record, child, memory)?;
            }
            next = self.regions.from(record.region.end()).copied();
        }
        memory.with_frames(|frames| child.regions.give_back_spares(frames));
        Ok(())
    }

    /// Copies the leaves and reservations of a region, run by run.
    fn copy_leaves(
        &mut self,
        record: &Record,
        child: &mut Self,
        memory: &Memory,
    ) -> Result<(), ShareError> {
        let page = LeafSize::Size4KiB.bytes();
        let (mut address, end) = (record.base(), record.region.end());
        while address < end {
            self.cursor.seek(address);
            child.cursor.seek(address);
            let entry = self.cursor.entry();
            let mut count = 1;
            match entry.kind(self.cursor.level()) {
                EntryKind::Leaf(_, size) => {
                    make_tables(&mut child.cursor, size, memory)?;
                    let content = Content::of(entry, size, self.zero);
                    let is_zero = matches!(content, Content::Zero(_));
                    let step = if is_zero { 0 } else { page };
                    count = self.cursor.run_before(end, step);
                    let frames = count * size.frames();
                    match content {
                        Content::Private(start) => memory.share(start, frames)?,
                        Content::Shared(start) | Content::Object(start) => {
                            memory.add_owners(start, frames)?;
                        }
                        Content::Borrowed(_) => memory.count_borrowed(frames),
                        Content::Zero(_) | Content::Fixed(_) => {}
                    }
                    let is_dirty = entry.flags().contains(Entry::DIRTY);
                    let leaf = shared(content).leaf(size, record.rights, is_dirty);
                    child.cursor.fill_run(count, leaf, step);
                }
                EntryKind::Reserved => {
                    make_tables(&mut child.cursor, LeafSize::Size4KiB, memory)?;
                    count = self.cursor.run_before(end, 0);
                    memory.keep_back(count)?;
                    child.cursor.fill_run(count, entry, 0);
                }
                EntryKind::Swapped(first) => {
                    make_tables(&mut child.cursor, LeafSize::Size4KiB, memory)?;
                    count = self.cursor.run_before(end, page);
                    memory.add_slot_owners(first, count)?;
                    child.cursor.fill_run(count, entry, page);
                }
                EntryKind::Unused => {
                    address = self.cursor.next_in_use(end);
                    continue;
                }
                EntryKind::Table(_) | EntryKind::Unknown(_) => {}
            }
            address = self.cursor.next_start() + (count - 1) * page;
        }
        Ok(())
    }

    /// Makes the own leaves what those of the copy are: shared where they were
    /// private.
    fn share_leaves(&mut self, child: &mut Self, memory: &Memory) {
        let mut batch = FlushBatch::new(self.scope, memory);
        let mut next = child.regions.from(0);
        while let Some(record) = next {
            let (mut address, end) = (record.base(), record.region.end());
            while record.region.backing.is_managed() && address < end {
                self.cursor.seek(address);
                child.cursor.seek(address);
                address = self.cursor.next_start();
                if self.cursor.level() == LeafSize::Size4KiB.level() {
                    let count = self.cursor.row_before(end);
                    let changed = |old, new, address| {
                        if is_narrower(new, old) {
                            batch.page(address);
                        }
                    };
                    self.cursor.follow_row(&child.cursor, count, changed);
                    address += (count - 1) * LeafSize::Size4KiB.bytes();
                } else if self.cursor.leaf().is_some() {
                    self.change_large(child.cursor.entry(), &mut batch);
                }
            }
            next = child.regions.from(end);
        }
        batch.finish();
    }

    /// Undoes the counting of a copy that failed and is gone.
    fn unshare_leaves(&self, memory: &Memory) {
        let start = x86_64::VirtAddr::new_truncate(LOWEST);
        for leaf in self.leaves(start, HALF) {
            if let Content::Private(start) = leaf.content {
                memory.take_over(start, leaf.size);
            }
        }
    }

    /// What is said of a copy that failed, once nothing is left of it.
    #[cold]
    fn fork_error(&self, error: ShareError, memory: &Memory) -> ForkError {
        match error {
            ShareError::OutOfFrames => {
                ForkError::OutOfFrames(memory.shortage(self.copy_needs(memory)))
            }
            ShareError::TooManyOwners(frame) => ForkError::TooManyOwners { frame },
            ShareError::TooManySlotOwners(slot) => ForkError::TooManySlotOwners { slot },
            ShareError::NotCounted(frame) => ForkError::NotCounted { frame },
        }
    }

    /// Frames that a copy takes: as many tables as there are here, records,
    /// reserved pages, and tables for counters that are not there yet.
    fn copy_needs(&self, memory: &Memory) -> u64 {
        let mut needed = Regions::nodes_in_order(self.regions.len());
        self.tables(|_| needed += 1);
        let (start, end) = self.window();
        let mut cursor = self.cursor.clone();
        let mut address = start.as_u64();
        while address < end {
            cursor.seek(address);
            needed += u64::from(cursor.kind() == EntryKind::Reserved);
            address = cursor.next_start();
        }
        needed + memory.missing_counter_tables(|| self.owned_leaves())
    }

    /// Where the memory lies that a copy would count as shared.
    fn owned_leaves(&self) -> impl Iterator<Item = (PhysAddr, LeafSize)> {
        let (start, end) = self.window();
        self.leaves(start, end)
            .filter_map(|leaf| match leaf.content {
                Content::Private(start) | Content::Shared(start) | Content::Object(start) => {
                    Some((start, leaf.size))
                }
                Content::Zero(_) | Content::Borrowed(_) | Content::Fixed(_) => None,
            })
    }
}

/// What a leaf maps once another leaf maps the same.
fn shared(content: Content) -> Content {
    match content {
        Content::Private(start) => Content::Shared(start),
        other @ (Content::Shared(_)
        | Content::Object(_)
        | Content::Zero(_)
        | Content::Borrowed(_)
        | Content::Fixed(_)) => other,
    }
}
