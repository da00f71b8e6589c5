//! Records of one type in whole frames, for what may not live on a heap.
//!
//! Each frame (a slab) starts with a header and holds as many records as fit.
//! Slabs with a free slot are in a list; a slab whose last record goes is given
//! back at once.
//!
//! What must always hold: a [`Handle`] comes from [`Pool::insert`] of the same
//! pool and is used until [`Pool::remove`] takes it, once. Handles stay inside
//! this crate, in the one tree that owns the pool.
#![allow(unsafe_code)]

use core::marker::PhantomData;
use core::num::NonZeroU64;

use x86_64::PhysAddr;
use x86_64::structures::paging::{PageSize, PhysFrame, Size4KiB};

use crate::direct_map::DirectMap;
use crate::frames::{Frame, FrameKind, Frames, OutOfFrames};

/// Names one record of a pool: its physical address.
pub(crate) struct Handle<T>(NonZeroU64, PhantomData<fn() -> T>);

impl<T> Clone for Handle<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Handle<T> {}
impl<T> PartialEq for Handle<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<T> Handle<T> {
    /// The physical address of the slab that the record lies in.
    pub(crate) fn slab(self) -> u64 {
        self.0.get() & !(Size4KiB::SIZE - 1)
    }
}

/// What a slab's frame begins with.
struct Header {
    /// Physical addresses of the neighbours in the list of slabs with a free
    /// slot; 0 is none (frame 0 is never handed out).
    next: u64,
    previous: u64,
    /// One bit for each slot that holds a record.
    taken: u64,
}

/// Records of type `T`, in frames of their own.
pub(crate) struct Pool<T> {
    direct_map: DirectMap,
    /// The first slab with a free slot, or 0.
    partial: u64,
    frames: u64,
    records: PhantomData<T>,
}

impl<T> Pool<T> {
    /// Bytes before the first slot: the header, padded to the record's alignment.
    const FIRST: usize = size_of::<Header>().next_multiple_of(align_of::<T>());
    /// Slots of a slab.
    const SLOTS: usize = {
        let fit = (Size4KiB::SIZE as usize - Self::FIRST) / size_of::<T>();
        assert!(fit > 0 && align_of::<T>() <= Size4KiB::SIZE as usize);
        if fit > 64 { 64 } else { fit }
    };
    const ALL_TAKEN: u64 = u64::MAX >> (64 - Self::SLOTS);

    /// An empty pool, without a frame.
    pub(crate) const fn new(direct_map: DirectMap) -> Self {
        Self {
            direct_map,
            partial: 0,
            frames: 0,
            records: PhantomData,
        }
    }

    /// Frames that the pool holds.
    pub(crate) fn frames(&self) -> u64 {
        self.frames
    }

    /// Records in the slab that `handle` names a record of, its own included.
    pub(crate) fn records_beside(&self, handle: Handle<T>) -> u64 {
        // SAFETY: the handle names a live record of this pool, so its slab is a
        // frame of the pool, whose start holds a header since `add_slab`; the
        // borrow of the pool keeps it unchanged.
        let header = unsafe { &*self.direct_map.pointer::<Header>(handle.slab()) };
        u64::from(header.taken.count_ones())
    }

    /// Puts a record into a free slot, taking a frame if there is none.
    ///
    /// # Errors
    ///
    /// [`OutOfFrames`]: a frame was needed; nothing has changed.
    pub(crate) fn insert(
        &mut self,
        frames: &mut Frames,
        value: T,
    ) -> Result<Handle<T>, OutOfFrames> {
        if self.partial == 0 {
            self.add_slab(frames.allocate::<Size4KiB>(FrameKind::Kernel)?);
        }
        let slab = self.partial;
        let header = self.header(slab);
        let slot = header.taken.trailing_ones() as usize;
        header.taken |= 1 << slot;
        if header.taken == Self::ALL_TAKEN {
            self.unlist(slab);
        }
        let address = slab + (Self::FIRST + slot * size_of::<T>()) as u64;
        // SAFETY: the slot lies inside the slab's frame, which this pool owns,
        // is aligned for `T`, and was free, so nothing refers to it.
        unsafe { self.direct_map.pointer::<T>(address).write(value) };
        let address = NonZeroU64::new(address).unwrap_or(NonZeroU64::MIN);
        Ok(Handle(address, PhantomData))
    }

    /// Takes a record out; its slab's frame goes back if it was the last one.
    pub(crate) fn remove(&mut self, frames: &mut Frames, handle: Handle<T>) -> T {
        let address = handle.0.get();
        // SAFETY: the handle names a live record (module docs), and is not used
        // after this: the record is moved out, its slot becomes free below.
        let value = unsafe { self.direct_map.pointer::<T>(address).read() };
        let slab = handle.slab();
        let slot = ((address - slab) as usize - Self::FIRST) / size_of::<T>();
        let header = self.header(slab);
        let was_full = header.taken == Self::ALL_TAKEN;
        header.taken &= !(1 << slot);
        let is_empty = header.taken == 0;
        if is_empty {
            if !was_full {
                self.unlist(slab);
            }
            self.frames -= 1;
            let frame = PhysFrame::<Size4KiB>::containing_address(PhysAddr::new_truncate(slab));
            // SAFETY: the pool owned the slab alone, and nothing is left in it.
            frames.free(unsafe { Frame::from_entry(frame, FrameKind::Kernel) });
        } else if was_full {
            self.list(slab);
        }
        value
    }

    /// The record that `handle` names.
    #[inline]
    pub(crate) fn get(&self, handle: Handle<T>) -> &T {
        // SAFETY: the handle names a live record of this pool; the borrow of
        // the pool keeps it alive and unchanged.
        unsafe { &*self.direct_map.pointer::<T>(handle.0.get()) }
    }

    /// The record that `handle` names, to change it.
    #[inline]
    pub(crate) fn get_mut(&mut self, handle: Handle<T>) -> &mut T {
        // SAFETY: as in `get`, and the pool is borrowed for ourselves alone.
        unsafe { &mut *self.direct_map.pointer::<T>(handle.0.get()) }
    }

    fn header(&mut self, slab: u64) -> &mut Header {
        // SAFETY: `slab` is a frame of this pool, whose start holds a header
        // since `add_slab`; the pool is borrowed for ourselves alone.
        unsafe { &mut *self.direct_map.pointer::<Header>(slab) }
    }

    fn add_slab(&mut self, frame: Frame) {
        let slab = frame.into_entry().start_address().as_u64();
        // SAFETY: the frame is owned, mapped by the direct map, and aligned.
        unsafe {
            self.direct_map.pointer::<Header>(slab).write(Header {
                next: 0,
                previous: 0,
                taken: 0,
            });
        }
        self.frames += 1;
        self.list(slab);
    }

    /// Puts a slab at the head of the list of those with a free slot.
    fn list(&mut self, slab: u64) {
        let next = self.partial;
        let header = self.header(slab);
        header.next = next;
        header.previous = 0;
        if next != 0 {
            self.header(next).previous = slab;
        }
        self.partial = slab;
    }

    /// Takes a slab out of that list.
    fn unlist(&mut self, slab: u64) {
        let Header { next, previous, .. } = *self.header(slab);
        if previous == 0 {
            self.partial = next;
        } else {
            self.header(previous).next = next;
        }
        if next != 0 {
            self.header(next).previous = previous;
        }
    }
}

#[cfg(test)]
mod tests;
