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
    places: Vec<Place>,
    /// None below this one is free.
    lowest_free: usize,
}

/// What is at a place.
#[expect(clippy::large_enum_variant, reason = "most places are taken")]
enum Place {
    Free,
    /// A [`Room`].
    Promised,
    /// The space of a [`Parked`].
    Taken(Low),
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
            lowest_free: 0,
        }
    }

    fn of(&mut self, Parked(place): &Parked) -> &mut Low {
        match &mut self.places[*place] {
            Place::Taken(low) => low,
            Place::Free | Place::Promised => unreachable!("`Parked` has a space"),
        }
    }

    /// Frees a place; returns what was there. Free places at the end go, and their
    /// memory, too.
    fn leave(&mut self, place: usize) -> Place {
        let left = core::mem::replace(&mut self.places[place], Place::Free);
        self.lowest_free = self.lowest_free.min(place);
        let is_free = |place: &mut Place| matches!(place, Place::Free);
        while self.places.len() > FIRST_ROOMS && self.places.pop_if(is_free).is_some() {}
        if self.places.len() <= self.places.capacity() / 4 {
            self.places.shrink_to(2 * self.places.len());
        }
        left
    }
}

/// Places that [`make_rooms`] makes ahead of time, so that a new space takes nothing
/// from the heap as long as they are enough.
pub const FIRST_ROOMS: usize = 32;

/// Makes the first places, if they are not there.
///
/// # Errors
///
/// [`TryReserveError`]: the heap has no room for them.
pub fn make_rooms() -> Result<(), TryReserveError> {
    let mut parked = PARKED.lock();
    let there = parked.places.len();
    let missing = FIRST_ROOMS.saturating_sub(there);
    parked.places.try_reserve(missing)?;
    parked.places.resize_with(there + missing, || Place::Free);
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
        let behind = parked.places[parked.lowest_free..].iter();
        let free = behind.take_while(|place| !matches!(place, Place::Free));
        let place = parked.lowest_free + free.count();
        if place == parked.places.len() {
            parked.places.try_reserve(1)?;
            parked.places.push(Place::Free);
        }
        parked.places[place] = Place::Promised;
        parked.lowest_free = place + 1;
        Ok(Self(place))
    }

    /// Leaves a space here.
    pub fn park(self, space: Space) -> Parked {
        let place = self.0;
        core::mem::forget(self);
        PARKED.lock().places[place] = Place::Taken(Low::new(space));
        Parked(place)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        PARKED.lock().leave(self.0);
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
        match PARKED.lock().leave(self.0) {
            Place::Taken(low) => low.space,
            Place::Free | Place::Promised => unreachable!("`Parked` has a space"),
        }
    }
}

/// Lets `look` see each space that is parked, one after the other.
pub fn each_parked(look: impl FnMut(&Space)) {
    with_all(|all| all.spaces().for_each(look));
}

/// All places, for who wants to look at the spaces again and again.
#[derive(Clone, Copy)]
pub(super) struct All<'a>(&'a [Place]);

impl<'a> All<'a> {
    pub(super) fn spaces(self) -> impl Iterator<Item = &'a Space> + Clone {
        self.0.iter().filter_map(|place| match place {
            Place::Taken(low) => Some(&low.space),
            Place::Free | Place::Promised => None,
        })
    }
}

/// Lets `look` see all places.
pub(super) fn with_all<R>(look: impl FnOnce(All<'_>) -> R) -> R {
    look(All(&PARKED.lock().places))
}

/// How many places there are, unless somebody is at work on one.
pub(super) fn try_count() -> Option<usize> {
    PARKED.try_lock().map(|parked| parked.places.len())
}

/// Runs `work` on the space at a place, if there is one and nobody is at work on
/// another.
pub(super) fn try_change<R>(place: usize, work: impl FnOnce(&mut Low) -> R) -> Option<R> {
    let mut parked = PARKED.try_lock()?;
    match parked.places.get_mut(place)? {
        Place::Taken(low) => Some(work(low)),
        Place::Free | Place::Promised => None,
    }
}
