//! Spin locks with a fixed order, which debug builds assert.
//!
//! ```text
//! spaces that are parked ─> heap ─> space that is loaded ─> kernel half ─> (inside the crate `memory`)
//! ```
//!
//! A lock may be taken only while none of its own rank or of a later one is
//! held. The heap comes before the halves: a lazily backed heap faults while its lock
//! is held, and the fault takes the kernel half's. While that is held nothing
//! demand-backed of the kernel half is touched. One processor: there is one
//! set of held ranks. What several would need is in chapter 17,
//! `docs/17-where-next.md`.

use core::cell::UnsafeCell;
use core::hint::spin_loop;
use core::mem::MaybeUninit;
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicPtr, AtomicU8};

/// The place of a lock in the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Rank {
    /// The low halves that are not loaded.
    Parked = 0,
    /// The kernel heap.
    Heap = 1,
    /// The low half of the space that is loaded.
    Space = 2,
    /// The kernel half.
    KernelHalf = 3,
}

impl Rank {
    /// The last in the order of those whose bits are set in `held`, which is not 0.
    fn latest(held: u8) -> Self {
        match held.ilog2() {
            0 => Self::Parked,
            1 => Self::Heap,
            2 => Self::Space,
            _ => Self::KernelHalf,
        }
    }
}

/// One bit for each rank that is held; kept in debug builds only.
static RANKS: AtomicU8 = AtomicU8::new(0);

/// A lock with a place in the order, which knows who holds it.
///
/// One word says whether something is in it, whether it is held, and for which
/// page fault.
pub struct Lock<T> {
    value: UnsafeCell<MaybeUninit<T>>,
    /// [`FREE`], [`EMPTY`], [`HELD`], or what it is held for.
    holder: AtomicPtr<()>,
    rank: Rank,
}

const FREE: *mut () = core::ptr::without_provenance_mut(0);
const EMPTY: *mut () = core::ptr::without_provenance_mut(1);
const HELD: *mut () = core::ptr::without_provenance_mut(2);

// SAFETY: a reference to the value is had through a `Guard` only, of which
// there is one at a time; so the value goes from one processor to another.
unsafe impl<T: Send> Sync for Lock<T> {}

/// A held [`Lock`]; released when dropped.
pub struct Guard<'a, T> {
    lock: &'a Lock<T>,
}

impl<T> Lock<T> {
    /// A lock of `rank` around `value`.
    pub const fn new(rank: Rank, value: T) -> Self {
        Self {
            rank,
            holder: AtomicPtr::new(FREE),
            value: UnsafeCell::new(MaybeUninit::new(value)),
        }
    }

    /// A lock of `rank` around what is not there yet: see [`Self::fill`].
    pub const fn empty(rank: Rank) -> Self {
        Self {
            rank,
            holder: AtomicPtr::new(EMPTY),
            value: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }

    /// Puts what it was made for into a lock, once.
    ///
    /// # Panics
    ///
    /// If something is in it already.
    pub fn fill(&self, value: T) {
        let filling = self.holder.compare_exchange(EMPTY, HELD, Relaxed, Relaxed);
        assert!(filling.is_ok(), "{:?} is set up once", self.rank);
        // SAFETY: nothing was in the lock, so that nobody could take it, and
        // now it is held here.
        unsafe { (*self.value.get()).write(value) };
        self.holder.store(FREE, Release);
    }

    /// Waits for the lock and takes it.
    ///
    /// # Panics
    ///
    /// If nothing is in it yet. In debug builds, also if a lock of this rank or
    /// of a later one is held.
    #[inline]
    pub fn lock(&self) -> Guard<'_, T> {
        if cfg!(debug_assertions) {
            let held = RANKS.load(Relaxed);
            assert!(
                held >> self.rank as u8 == 0,
                "lock order: {:?} is taken while {:?} is held",
                self.rank,
                Rank::latest(held)
            );
        }
        loop {
            if let Some(guard) = self.try_lock() {
                return guard;
            }
            let is_there = self.holder.load(Relaxed) != EMPTY;
            assert!(is_there, "{:?} is set up before it is used", self.rank);
            spin_loop();
        }
    }

    /// Takes the lock if nobody holds it and something is in it.
    #[inline]
    pub fn try_lock(&self) -> Option<Guard<'_, T>> {
        self.take(HELD)
    }

    /// The same for the sake of `purpose`, which [`Self::purpose`] tells meanwhile.
    #[inline(always)]
    pub fn try_lock_for<P>(&self, purpose: &P) -> Option<Guard<'_, T>> {
        const { assert!(align_of::<P>() > 2, "no address of one is a state") };
        self.take(core::ptr::from_ref(purpose).cast_mut().cast())
    }

    /// What the lock is held for, if it was told so. A pointer for reports: what
    /// it points to lives while the lock is held.
    #[must_use]
    pub fn purpose(&self) -> Option<NonNull<()>> {
        let holder = self.holder.load(Relaxed);
        let is_state = [FREE, EMPTY, HELD].contains(&holder);
        NonNull::new(holder).filter(|_| !is_state)
    }

    #[inline(always)]
    fn take(&self, holder: *mut ()) -> Option<Guard<'_, T>> {
        let taken = self.holder.compare_exchange(FREE, holder, Acquire, Relaxed);
        if taken.is_err() {
            return None;
        }
        if cfg!(debug_assertions) {
            RANKS.fetch_or(1 << self.rank as u8, Relaxed);
        }
        Some(Guard { lock: self })
    }
}

impl<T> Drop for Guard<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        if cfg!(debug_assertions) {
            RANKS.fetch_and(!(1 << self.lock.rank as u8), Relaxed);
        }
        self.lock.holder.store(FREE, Release);
    }
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: a guard is made when a lock was free, which one with nothing
        // in it never is; and there is one guard at a time.
        unsafe { (*self.lock.value.get()).assume_init_ref() }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above; and the guard is borrowed for ourselves alone.
        unsafe { (*self.lock.value.get()).assume_init_mut() }
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
    fn the_order_from_parked_spaces_to_kernel_half_is_allowed_and_leaves_nothing_held() {
        let before = RANKS.load(Relaxed);
        let parked = Lock::new(Rank::Parked, ());
        let heap = Lock::new(Rank::Heap, ());
        let space = Lock::new(Rank::Space, ());
        let kernel = Lock::new(Rank::KernelHalf, ());
        {
            let _parked = parked.lock();
            let _heap = heap.lock();
            let _space = space.lock();
            let _kernel = kernel.lock();
            assert_eq!(RANKS.load(Relaxed) & 0b1111, 0b1111);
        }
        assert_eq!(RANKS.load(Relaxed), before);
    }

    #[test_case]
    fn a_lock_tells_what_it_is_held_for_while_it_is_held() {
        let lock = Lock::new(Rank::Heap, 1);
        let purpose = 7_u64;
        let guard = lock.try_lock_for(&purpose);
        assert_eq!(lock.purpose(), Some(NonNull::from(&purpose).cast()));
        assert!(lock.try_lock().is_none());
        drop(guard);
        assert_eq!(lock.purpose(), None);
        let _guard = lock.lock();
        assert_eq!(lock.purpose(), None);
    }

    #[test_case]
    fn an_empty_lock_cannot_be_taken_until_it_is_filled() {
        let lock = Lock::empty(Rank::Heap);
        assert!(lock.try_lock().is_none());
        assert_eq!(lock.purpose(), None);
        lock.fill(5);
        assert_eq!(lock.try_lock().map(|guard| *guard), Some(5));
    }
}
