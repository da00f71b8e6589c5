//! Low halves that are not loaded, all in one place: whoever is short of frames finds
//! the pages of each of them here.
//!
//! ```text
//!   Room ──park──> Parked ──switch──> Parked, with the space that was loaded
//!                    └──unpark──> a space in somebody's own hands
//! ```
//!
//! What must always hold: a place is free, spoken for by one [`Room`], or holds the
//! space of one [`Parked`]. Nothing that may need frames is done while the lock is
//! held: they could not come from these spaces then.

use alloc::collections::TryReserveError;
use alloc::vec::Vec;

use memory::Space;

use super::{CURRENT, Low, set_root};
use crate::lock::{Lock, Rank};

/// All of them.
static PARKED: Lock<Places> = Lock::new(Rank::Parked, Places::new());

struct Places {
    places: Vec<Option<Low>>,
    /// Those that nobody has or is promised, with room for all.
    free: Vec<usize>,
}

/// A place for a space.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "it keeps a place free"]
pub struct Room(usize);

/// A space that is not loaded.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "its space keeps its frames until it is destroyed"]
pub struct Parked(usize);

impl Places {
    const fn new() -> Self {
        Self {
            places: Vec::new(),
            free: Vec::new(),
        }
    }
}

/// Places that there are from the start, so that a new space takes nothing from the
/// heap as long as they are enough.
pub const FIRST_ROOMS: usize = 32;

/// Makes the first places. Called once, when there is a heap.
///
/// # Errors
///
/// [`TryReserveError`]: it has no room for them.
pub fn make_rooms() -> Result<(), TryReserveError> {
    let mut parked = PARKED.lock();
    parked.places.try_reserve(FIRST_ROOMS)?;
    parked.free.try_reserve(FIRST_ROOMS)?;
    parked.places.resize_with(FIRST_ROOMS, || None);
    parked.free.extend((0..FIRST_ROOMS).rev());
    Ok(())
}

impl Room {
    /// A place for one space more.
    ///
    /// # Errors
    ///
    /// [`TryReserveError`]: the kernel heap has no room for it.
    pub fn new() -> Result<Self, TryReserveError> {
        let mut parked = PARKED.lock();
        if let Some(place) = parked.free.pop() {
            return Ok(Self(place));
        }
        parked.places.try_reserve(1)?;
        let all = parked.places.len() + 1;
        parked.free.try_reserve(all)?;
        parked.places.push(None);
        Ok(Self(all - 1))
    }

    /// Leaves a space here.
    pub fn park(self, space: Space) -> Parked {
        let place = self.0;
        core::mem::forget(self);
        PARKED.lock().places[place] = Some(Low::new(space));
        Parked(place)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        PARKED.lock().free.push(self.0);
    }
}

impl Parked {
    /// Lets `look` see the space.
    pub fn look<R>(&self, look: impl FnOnce(&Space) -> R) -> R {
        self.change(|space| look(space))
    }

    /// Runs `work` on the space.
    ///
    /// # Panics
    ///
    /// If `work` parks a space, or looks at one that is parked.
    pub fn change<R>(&self, work: impl FnOnce(&mut Space) -> R) -> R {
        work(&mut PARKED.lock().of(self).space)
    }

    /// Loads the space; the one that was loaded is parked in its place.
    pub fn switch(self) -> Self {
        let mut parked = PARKED.lock();
        let low = parked.of(&self);
        super::without_interrupts(|| {
            let loaded = &mut CURRENT.lock().half;
            set_root(&low.space);
            core::mem::swap(loaded, low);
        });
        self
    }

    /// Takes the space out, and leaves its place.
    pub fn unpark(self) -> Space {
        let mut parked = PARKED.lock();
        let low = parked.places[self.0].take();
        parked.free.push(self.0);
        low.expect("a place holds the space of one `Parked`").space
    }
}

impl Places {
    fn of(&mut self, Parked(place): &Parked) -> &mut Low {
        let low = self.places[*place].as_mut();
        low.expect("a place holds the space of one `Parked`")
    }
}

/// Lets `look` see each space that is parked, one after the other.
pub fn each_parked(look: impl FnMut(&Space)) {
    look_at_all(|places| places.iter().flatten().map(|low| &low.space).for_each(look));
}

/// Lets `look` see all places.
pub(super) fn look_at_all<R>(look: impl FnOnce(&[Option<Low>]) -> R) -> R {
    look(&PARKED.lock().places)
}

/// How many places there are, unless somebody is at work on one.
pub(super) fn try_count() -> Option<usize> {
    PARKED.try_lock().map(|parked| parked.places.len())
}

/// Runs `work` on the space at a place, if there is one and nobody is at work on
/// another.
pub(super) fn try_change<R>(place: usize, work: impl FnOnce(&mut Low) -> R) -> Option<R> {
    let mut parked = PARKED.try_lock()?;
    let low = parked.places.get_mut(place)?.as_mut()?;
    Some(work(low))
}
