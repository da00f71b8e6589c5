//! Nodes, each in a frame of its own, and the record that was hit last: all
//! that is unsafe about the regions.
//!
//! A [`Node`] is to a frame what a `Box` is to the heap, and owns what it holds
//! in the same way. So the borrow checker watches over the tree, and only two
//! things are left to argue here: that a frame is memory that nobody else uses,
//! and that the [`Tree`] forgets the last hit before anything can move it.
#![allow(unsafe_code)]

use core::fmt;
use core::ops::{Deref, DerefMut};
use core::ptr::{NonNull, addr_of_mut};

use x86_64::PhysAddr;
use x86_64::structures::paging::{PageSize, Size4KiB};

use super::record::Record;
use super::tree::Link;
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
        //   then `DirectMap::new` vouches that it is shown here, readable and
        //   writable, and that nobody else uses it.
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

impl<T> fmt::Debug for Node<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Node({:p})", self.0)
    }
}

/// All nodes, from the root down, and the record that the last lookup hit.
///
/// What must always hold: the record lies in a node below the root.
pub(super) struct Tree {
    root: Option<Link>,
    last: Option<NonNull<Record>>,
}

// SAFETY: the last hit is used through a `Tree` that is borrowed for one alone,
// and is part of what the root owns, which may go elsewhere.
unsafe impl Send for Tree where Link: Send {}
// SAFETY: a shared tree gives out shared references, no more.
unsafe impl Sync for Tree where Link: Sync {}

impl Tree {
    pub(super) const EMPTY: Self = Self {
        root: None,
        last: None,
    };

    /// The root, to read what is below it.
    #[inline]
    pub(super) fn root(&self) -> Option<&Link> {
        self.root.as_ref()
    }

    /// The root, to change what is below it. The last hit is forgotten.
    pub(super) fn root_mut(&mut self) -> &mut Option<Link> {
        self.last = None;
        &mut self.root
    }

    /// True if the last hit holds `address`.
    #[inline]
    pub(super) fn is_at(&self, address: u64) -> bool {
        self.last().is_some_and(|last| last.contains(address))
    }

    /// Makes the record that holds `address`, if one does, the last hit: it is
    /// already, or `search` finds it.
    #[inline(always)]
    pub(super) fn seek(&mut self, address: u64, search: Search) {
        if !self.is_at(address) {
            self.search(address, search);
        }
    }

    #[inline(always)]
    fn search(&mut self, address: u64, search: Search) {
        let record = self.root.as_mut().and_then(|root| search(root, address));
        self.last = record.map(NonNull::from);
    }

    /// The last hit, to change what the tree does not sort by.
    #[inline]
    pub(super) fn last_mut(&mut self) -> Option<&mut Record> {
        // SAFETY: it was found below the root by `search`, and nothing below
        // the root has changed since: that takes `root_mut`, which forgets it.
        // The tree is borrowed for us alone, as the record is.
        self.last.map(|mut last| unsafe { last.as_mut() })
    }

    /// The last hit.
    #[inline]
    pub(super) fn last(&self) -> Option<&Record> {
        // SAFETY: as in `last_mut`, but shared.
        self.last.map(|last| unsafe { last.as_ref() })
    }
}

/// How the record of an address is found below a link.
pub(super) type Search = fn(&mut Link, u64) -> Option<&mut Record>;
