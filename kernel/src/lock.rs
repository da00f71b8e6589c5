//! Spin locks with a fixed order, which debug builds assert.
//!
//! ```text
//! heap ─> current space ─> kernel half ─> physical        (console: a leaf)
//! ```
//!
//! A lock may be taken only while none of its own rank or of a later one is
//! held. The heap comes first: a lazily backed heap faults while its lock is
//! held, and the fault takes the others. While one of the others is held
//! nothing demand-backed is touched. One processor: there is one set of held
//! ranks.

use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicU8, Ordering::Relaxed};

use spin::mutex::{SpinMutex, SpinMutexGuard};

/// The place of a lock in the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Rank {
    /// The kernel heap.
    Heap = 0,
    /// The address space that is loaded.
    CurrentSpace = 1,
    /// The kernel half of all address spaces.
    KernelHalf = 2,
    /// Frames, the zero frame, the journal of faults.
    Physical = 3,
}

/// One bit for each rank that is held; kept in debug builds only.
static HELD: AtomicU8 = AtomicU8::new(0);

/// A lock with a place in the order.
pub struct Lock<T> {
    rank: Rank,
    inner: SpinMutex<T>,
}

/// A held [`Lock`]; released when dropped.
pub struct Guard<'a, T> {
    rank: Rank,
    inner: SpinMutexGuard<'a, T>,
}

impl<T> Lock<T> {
    /// A lock of `rank` around `value`.
    pub const fn new(rank: Rank, value: T) -> Self {
        Self {
            rank,
            inner: SpinMutex::new(value),
        }
    }

    /// Waits for the lock and takes it.
    ///
    /// # Panics
    ///
    /// In debug builds, if a lock of this rank or of a later one is held.
    #[inline]
    pub fn lock(&self) -> Guard<'_, T> {
        if cfg!(debug_assertions) {
            let held = HELD.load(Relaxed);
            assert!(
                held >> self.rank as u8 == 0,
                "lock order: {:?} is taken while {held:#06b} are held",
                self.rank
            );
        }
        self.guard(self.inner.lock())
    }

    /// Takes the lock if nobody holds it.
    #[inline]
    pub fn try_lock(&self) -> Option<Guard<'_, T>> {
        self.inner.try_lock().map(|inner| self.guard(inner))
    }

    #[inline]
    fn guard<'a>(&self, inner: SpinMutexGuard<'a, T>) -> Guard<'a, T> {
        if cfg!(debug_assertions) {
            HELD.fetch_or(1 << self.rank as u8, Relaxed);
        }
        Guard {
            rank: self.rank,
            inner,
        }
    }
}

impl<T> Drop for Guard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        if cfg!(debug_assertions) {
            HELD.fetch_and(!(1 << self.rank as u8), Relaxed);
        }
    }
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T> DerefMut for Guard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test_case]
    fn a_held_lock_cannot_be_taken_again_until_it_is_released() {
        let lock = Lock::new(Rank::Heap, 1);
        let guard = lock.lock();
        assert!(lock.try_lock().is_none());
        drop(guard);
        assert_eq!(lock.try_lock().map(|guard| *guard), Some(1));
    }

    #[test_case]
    fn the_order_from_heap_to_physical_is_allowed_and_leaves_nothing_held() {
        let before = HELD.load(Relaxed);
        let heap = Lock::new(Rank::Heap, ());
        let space = Lock::new(Rank::CurrentSpace, ());
        {
            let _heap = heap.lock();
            let _space = space.lock();
            assert_eq!(HELD.load(Relaxed) & 0b11, 0b11);
        }
        assert_eq!(HELD.load(Relaxed), before);
    }
}
