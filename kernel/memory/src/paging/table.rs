//! A page table as a value: a frame that holds 512 entries and nothing else.
#![allow(unsafe_code)]

use core::sync::atomic::AtomicU64;

use x86_64::PhysAddr;
use x86_64::structures::paging::PhysFrame;

use crate::direct_map::DirectMap;
use crate::frames::{Frame, FrameKind};

/// A page table.
///
/// What must always hold: the frame holds a table, and the direct map shows it,
/// for as long as a copy of this value is used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Table {
    address: PhysAddr,
    entries: &'static [AtomicU64; 512],
}

impl Table {
    /// Turns an owned frame into an empty table: zeroed before it is linked.
    pub(crate) fn new(frame: Frame, direct_map: DirectMap) -> Self {
        direct_map.zero(&frame);
        // SAFETY: the frame was handed out, so it is mapped, and from now on it
        // holds a table, until `into_frame`.
        unsafe { Self::at(frame.into_entry().start_address(), direct_map) }
    }

    /// The table at `address`.
    ///
    /// # Safety
    ///
    /// What must always hold of a [`Table`] holds.
    #[inline]
    pub(crate) unsafe fn at(address: PhysAddr, direct_map: DirectMap) -> Self {
        Self {
            address,
            // SAFETY: mapped and a table, as the caller vouches; entries are
            // accessed as atomics everywhere.
            entries: unsafe { direct_map.words(address) },
        }
    }

    /// The frame of a table that nothing points to any more.
    ///
    /// # Safety
    ///
    /// - It was made by [`Table::new`], and no copy of this value is used again.
    /// - No processor walks it: what led to it was flushed.
    pub(crate) unsafe fn into_frame(self) -> Frame {
        // SAFETY: the table owned its frame alone, as the caller vouches.
        unsafe { Frame::from_entry(self.frame(), FrameKind::Table) }
    }

    /// The frame that holds it.
    pub(crate) fn frame(self) -> PhysFrame {
        PhysFrame::containing_address(self.address)
    }

    /// The physical address of the table.
    #[inline]
    pub(crate) const fn address(self) -> PhysAddr {
        self.address
    }

    /// Its entries. They are atomic because the processor reads them, and sets
    /// their ACCESSED and DIRTY bits, whenever it likes (Intel SDM vol. 3A 4.8).
    #[inline]
    pub(crate) const fn entries(self) -> &'static [AtomicU64; 512] {
        self.entries
    }
}
