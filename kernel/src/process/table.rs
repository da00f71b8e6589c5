//! The processes that there are, by number.
//!
//! What must always hold: numbers only grow, so the table is sorted by them, and
//! a child stands behind its parent. There is room for every process that is
//! there, and for it to be ready, so that only a new one can be refused.

use alloc::boxed::Box;
use alloc::collections::TryReserveError;
use alloc::vec::Vec;
use core::error::Error;
use core::fmt;
use core::ops::{Index, IndexMut};

use super::{Id, KERNEL, Process};

/// The most processes that there may be, those included that have ended and
/// that nobody has waited for.
pub const MOST_PROCESSES: usize = 4096;

/// Why there is no new process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SpawnError {
    /// There are [`MOST_PROCESSES`].
    TooMany,
    /// The kernel heap has no room for its entry or its registers.
    OutOfMemory(TryReserveError),
}

impl From<TryReserveError> for SpawnError {
    fn from(error: TryReserveError) -> Self {
        Self::OutOfMemory(error)
    }
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany => write!(
                f,
                "there are {MOST_PROCESSES} processes, and there may be no more"
            ),
            Self::OutOfMemory(error) => write!(f, "no room on the heap for a process: {error}"),
        }
    }
}

impl Error for SpawnError {}

/// All processes.
#[derive(Debug)]
pub(super) struct Table {
    #[expect(clippy::vec_box, reason = "taking one out moves all behind it")]
    entries: Vec<Box<Process>>,
    /// The number of the next one.
    next: Id,
}

/// Room for a process that is to be added.
#[derive(Debug)]
pub(super) struct Room {
    /// The number that it will have.
    pub(super) id: Id,
    /// Empty, with room for one.
    place: Vec<Process>,
}

impl Table {
    pub(super) const fn new() -> Self {
        Self {
            entries: Vec::new(),
            next: KERNEL + 1,
        }
    }

    /// Makes room for one process more.
    pub(super) fn room(&mut self) -> Result<Room, SpawnError> {
        // Programs see numbers as positive `int`s.
        if self.len() >= MOST_PROCESSES || self.next > i32::MAX as Id {
            return Err(SpawnError::TooMany);
        }
        self.entries.try_reserve(1)?;
        let mut place = Vec::new();
        place.try_reserve_exact(1)?;
        let id = self.next;
        Ok(Room { id, place })
    }

    /// Adds a process whose number is that of its room. Rooms are used in the
    /// order in which they were made, before the next is made.
    pub(super) fn add(&mut self, room: Room, process: Process) {
        let Room { id, mut place } = room;
        assert!(process.id == id && id == self.next);
        self.next += 1;
        place.push(process);
        let alone = Box::into_raw(place.into_boxed_slice());
        // SAFETY: it is a slice of one process, so it lies as that one alone does,
        // and it was just taken out of its box.
        self.entries.push(unsafe { Box::from_raw(alone.cast()) });
    }

    pub(super) fn remove(&mut self, index: usize) -> Box<Process> {
        self.entries.remove(index)
    }

    pub(super) const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Where the process with this number stands.
    pub(super) fn find(&self, id: Id) -> Option<usize> {
        self.entries
            .binary_search_by_key(&id, |process| process.id)
            .ok()
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Process> + Clone {
        self.entries.iter().map(|process| &**process)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Process> {
        self.entries.iter_mut().map(|process| &mut **process)
    }
}

impl Index<usize> for Table {
    type Output = Process;

    #[inline]
    fn index(&self, index: usize) -> &Process {
        &self.entries[index]
    }
}

impl IndexMut<usize> for Table {
    #[inline]
    fn index_mut(&mut self, index: usize) -> &mut Process {
        &mut self.entries[index]
    }
}
