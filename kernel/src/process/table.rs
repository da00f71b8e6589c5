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

use super::{Id, KERNEL, Process};

/// The most processes that there may be, those included that have ended and
/// that nobody has waited for.
pub const MOST_PROCESSES: usize = 2048;

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
    places: Vec<Place>,
    /// The number of the next one.
    next: Id,
}

/// The place of a process.
#[derive(Debug)]
struct Place {
    id: Id,
    /// `None` while it runs. Boxed, so that it is moved in no time, and so are
    /// those behind it when it is taken out.
    process: Option<Box<Process>>,
}

/// Room for a process that is to be added.
#[derive(Debug)]
pub(super) struct Room {
    /// The number that it will have.
    pub(super) id: Id,
    /// Empty, with room for one.
    alone: Vec<Process>,
}

impl Table {
    pub(super) const fn new() -> Self {
        Self {
            places: Vec::new(),
            next: KERNEL + 1,
        }
    }

    /// How many there are.
    pub(super) const fn len(&self) -> usize {
        self.places.len()
    }

    /// Makes room for one process more.
    pub(super) fn room(&mut self) -> Result<Room, SpawnError> {
        // Programs see numbers as positive `int`s.
        if self.len() >= MOST_PROCESSES || self.next > i32::MAX as Id {
            return Err(SpawnError::TooMany);
        }
        self.places.try_reserve(1)?;
        let mut alone = Vec::new();
        alone.try_reserve_exact(1)?;
        let id = self.next;
        Ok(Room { id, alone })
    }

    /// Adds a process whose number is that of its room, the last that was made.
    pub(super) fn add(&mut self, room: Room, process: Process) {
        let Room { id, mut alone } = room;
        assert!(process.id == id && id == self.next);
        self.next += 1;
        alone.push(process);
        let alone = Box::into_raw(alone.into_boxed_slice());
        // SAFETY: it is a slice of one process, so it lies as that one alone does,
        // and it was just taken out of its box.
        let process = Some(unsafe { Box::from_raw(alone.cast()) });
        self.places.push(Place { id, process });
    }

    fn find(&self, id: Id) -> Option<usize> {
        self.places.binary_search_by_key(&id, |place| place.id).ok()
    }

    pub(super) fn get(&self, id: Id) -> Option<&Process> {
        self.places[self.find(id)?].process.as_deref()
    }

    pub(super) fn get_mut(&mut self, id: Id) -> Option<&mut Process> {
        let index = self.find(id)?;
        self.places[index].process.as_deref_mut()
    }

    /// Takes a process out of its place, which stays its own.
    pub(super) fn take(&mut self, id: Id) -> Option<Box<Process>> {
        let index = self.find(id)?;
        self.places[index].process.take()
    }

    /// Puts a process back to its place.
    pub(super) fn put(&mut self, process: Box<Process>) {
        if let Some(index) = self.find(process.id) {
            self.places[index].process = Some(process);
        }
    }

    /// Takes a process out with its place. It holds no memory any more.
    pub(super) fn remove(&mut self, id: Id) {
        if let Some(index) = self.find(id) {
            self.places.remove(index);
        }
    }

    /// Does the same to all that do not run and that are `gone`.
    pub(super) fn remove_all(&mut self, gone: impl Fn(&Process) -> bool) {
        self.places
            .retain(|place| !place.process.as_deref().is_some_and(&gone));
    }

    /// All that do not run.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Process> + Clone {
        self.places
            .iter()
            .filter_map(|place| place.process.as_deref())
    }

    /// The same, to change them.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Process> {
        Self::processes_mut(&mut self.places)
    }

    /// The children of a process.
    pub(super) fn children(&self, parent: Id) -> impl Iterator<Item = &Process> {
        let places = &self.places[self.behind(parent)..];
        let processes = places.iter().filter_map(|place| place.process.as_deref());
        processes.filter(move |process| process.parent == parent)
    }

    /// The same, to change them.
    pub(super) fn children_mut(&mut self, parent: Id) -> impl Iterator<Item = &mut Process> {
        let behind = self.behind(parent);
        let processes = Self::processes_mut(&mut self.places[behind..]);
        processes.filter(move |process| process.parent == parent)
    }

    fn processes_mut(places: &mut [Place]) -> impl Iterator<Item = &mut Process> {
        places
            .iter_mut()
            .filter_map(|place| place.process.as_deref_mut())
    }

    /// Where the first process may stand that was made after this one.
    fn behind(&self, id: Id) -> usize {
        self.places.partition_point(|place| place.id <= id)
    }
}
