//! Nodes, each in a frame of its own.
//!
//! A [`Node`] is to a frame what a `Box` is to the heap, and owns what it holds
//! in the same way. So the borrow checker watches over the tree, and one thing
//! is left to argue here: that the frame is memory that nobody else uses.
#![allow(unsafe_code)]

use core::ops::{Deref, DerefMut};
use core::ptr::{NonNull, addr_of_mut};

use x86_64::PhysAddr;
use x86_64::structures::paging::{PageSize, Size4KiB};

use crate::direct_map::DirectMap;
use crate::frames::Frame;

/// What a node holds when it is new.
pub(super) trait Blank {
    const BLANK: Self;
}

/// Bytes that a node has for its value.
pub(super) const ROOM: usize = Size4KiB::SIZE as usize - size_of::<Frame>();

/// How a node lies in its frame.
#[repr(C)]
struct Held<T> {
    value: T,
    /// The frame in which all this lies.
    frame: Frame,
}

/// A value in a frame of its own. Dropping it loses the frame, as with [`Frame`].
pub(super) struct Node<T>(NonNull<Held<T>>);

// SAFETY: a node owns its value and its frame, and lies in memory that all
// processors see: where the value may go, it may go.
unsafe impl<T: Send> Send for Node<T> {}
// SAFETY: a shared node gives out shared references to the value, no more.
unsafe impl<T: Sync> Sync for Node<T> {}

impl<T: Blank> Node<T> {
    /// A blank value in this frame.
    pub(super) fn new(frame: Frame, direct_map: DirectMap) -> Self {
        const {
            assert!(size_of::<Held<T>>() <= Size4KiB::SIZE as usize);
            assert!(align_of::<Held<T>>() <= Size4KiB::SIZE as usize);
        }
        let pointer = direct_map.pointer::<Held<T>>(frame.start().as_u64());
        // SAFETY:
        // - The frame is owned, and is not given back before `into_frame`: until
        //   then whoever made the `Memory` vouches that it is shown here, readable
        //   and writable, and that nobody else uses it.
        // - It has the size and the alignment: see above.
        unsafe {
            addr_of_mut!((*pointer).value).write(T::BLANK);
            addr_of_mut!((*pointer).frame).write(frame);
        }
        Self(NonNull::new(pointer).expect("no frame is shown at address 0"))
    }
}

impl<T> Node<T> {
    /// Ends the node; what its value owned must have been moved out, or is lost.
    pub(super) fn into_frame(self) -> Frame {
        // SAFETY: as in `deref`; the node ends here, so the frame, which is not
        // `Copy`, is moved out once.
        unsafe { (&raw const (*self.0.as_ptr()).frame).read() }
    }

    /// The physical address at which the node is found, without reading it.
    pub(super) fn address(&self, direct_map: DirectMap) -> PhysAddr {
        let zero = direct_map.pointer::<u8>(0).addr();
        PhysAddr::new_truncate(self.0.addr().get().wrapping_sub(zero) as u64)
    }

    /// The physical address that the node's own frame has.
    pub(super) fn frame_start(&self) -> PhysAddr {
        // SAFETY: as in `deref`.
        unsafe { (*self.0.as_ptr()).frame.start() }
    }
}

impl<T> Deref for Node<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: `new` wrote a value there, in a frame that is the node's until
        // `into_frame`; the node is borrowed as its value is.
        unsafe { &(*self.0.as_ptr()).value }
    }
}

impl<T> DerefMut for Node<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`, and the node is borrowed for us alone.
        unsafe { &mut (*self.0.as_ptr()).value }
    }
}
