//! The direct map: all physical memory, seen at one offset.
//!
//! This is the one place where a frame becomes a pointer. Everything the crate
//! does to physical memory (walking tables, zeroing frames, copying bytes for a
//! space that is not the current one) goes through the few functions below.
//!
//! What must always hold: a `Table` names a frame that holds a page table and
//! nothing else, and a [`Frame`] is owned, so that no translation leads to it.
//! Both are made inside this crate only; that is why the functions that take
//! them are safe.
#![allow(unsafe_code)]

use core::arch::asm;
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;

use x86_64::structures::paging::PageSize;
use x86_64::{PhysAddr, VirtAddr};

use crate::frames::Frame;
use crate::paging::{Entry, Table};

/// Where physical memory is found in virtual memory: at one fixed offset.
#[derive(Clone, Copy, Debug)]
pub struct DirectMap {
    offset: u64,
}

impl DirectMap {
    /// A direct map that shows physical address 0 at `offset`.
    ///
    /// # Safety
    ///
    /// - Every frame that is given to [`Frames`](crate::frames::Frames) is
    ///   mapped at `offset` plus its physical address, readable and writable,
    ///   as ordinary (write-back) memory, for as long as the map or a copy of
    ///   it is used.
    /// - While a frame is free, or holds one of this crate's page tables or
    ///   records, nobody else reads or writes it, through any mapping.
    #[must_use]
    pub const unsafe fn new(offset: VirtAddr) -> Self {
        Self {
            offset: offset.as_u64(),
        }
    }

    /// The virtual address at which the direct map shows `address`.
    ///
    /// The sum wraps for physical addresses that the direct map does not show;
    /// such an address is only a number here and must not be accessed.
    #[must_use]
    pub const fn address_of(self, address: PhysAddr) -> VirtAddr {
        VirtAddr::new_truncate(self.offset.wrapping_add(address.as_u64()))
    }

    /// The pointer through which physical memory at `address` is reached.
    #[inline]
    pub(crate) fn pointer<T>(self, address: u64) -> *mut T {
        core::ptr::with_exposed_provenance_mut(self.offset.wrapping_add(address) as usize)
    }

    /// Entry `index` (the low 9 bits of it) of a page table.
    ///
    /// Entries are atomic because the processor reads them, and sets their
    /// ACCESSED and DIRTY bits, whenever it likes (Intel SDM vol. 3A 4.8).
    #[inline]
    pub(crate) fn entry(&self, table: Table, index: u64) -> &AtomicU64 {
        let pointer = self.pointer::<u64>(table.address() + (index & 0x1ff) * 8);
        // SAFETY:
        // - `pointer` is valid and aligned: a `Table` is a whole, mapped frame
        //   (see `new`), and the index is masked to its 512 entries.
        // - Entries are only ever accessed as atomics, here and by the processor.
        // - The reference does not outlive `self`, for which `new` vouches.
        unsafe { AtomicU64::from_ptr(pointer) }
    }

    /// All entries of a page table.
    #[inline]
    pub(crate) fn entries(&self, table: Table) -> &[AtomicU64; 512] {
        let pointer = self.pointer::<[AtomicU64; 512]>(table.address());
        // SAFETY: as in `entry`, for all 512 of them: an atomic has the size
        // and the layout of its number, and a table is aligned to 4 KiB.
        unsafe { &*pointer }
    }

    /// Where entry `index` (the low 9 bits of it) of a page table is shown.
    pub(crate) fn place(&self, table: Table, index: u64) -> Place {
        Place(self.entry(table, index).as_ptr().expose_provenance() as u64)
    }

    /// Fills a frame with zeroes.
    ///
    /// `rep stosq` is as fast as any other way on processors with fast string
    /// operations, and under emulation it takes an eighth of the instructions
    /// of `rep stosb`.
    #[inline]
    pub(crate) fn zero<S: PageSize>(self, frame: &Frame<S>) {
        let pointer = self.pointer::<u64>(frame.start().as_u64());
        // SAFETY:
        // - The frame is owned by the caller and in no translation, so nobody
        //   else looks at these bytes; `new` vouches that they are mapped.
        // - The direction flag is clear, as the ABI demands at function entry.
        unsafe {
            asm!(
                "rep stosq",
                inout("rcx") S::SIZE / 8 => _,
                inout("rdi") pointer => _,
                in("rax") 0_u64,
                options(nostack, preserves_flags)
            );
        }
    }

    /// Copies bytes out of mapped memory that is ordinary and managed.
    ///
    /// The bytes may be written by others meanwhile (a program in another
    /// space, say), so they are read one volatile byte at a time.
    pub(crate) fn read_bytes(self, from: Bytes, into: &mut [u8]) {
        let pointer = self.pointer::<u8>(from.0);
        for (index, byte) in into.iter_mut().enumerate() {
            // SAFETY: `Bytes` is only made for addresses inside present leaves
            // of managed frames, whose rest of the page covers `into`.
            *byte = unsafe { pointer.add(index).read_volatile() };
        }
    }

    /// Copies bytes into mapped memory that is ordinary and managed.
    pub(crate) fn write_bytes(self, to: Bytes, from: &[u8]) {
        let pointer = self.pointer::<u8>(to.0);
        for (index, byte) in from.iter().enumerate() {
            // SAFETY: as in `read_bytes`; the leaf was checked to be writable
            // and private, so no Rust reference covers it.
            unsafe { pointer.add(index).write_volatile(*byte) };
        }
    }
}

/// Where the direct map shows an entry of a page table: what adding the offset
/// and the index each time would come to.
///
/// What must always hold: it is used only while the table is one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place(u64);

impl Place {
    /// No place: it is never used.
    pub(crate) const NONE: Self = Self(0);

    /// The place `index` (0 to 511) entries further on, which is in the same table.
    #[inline]
    pub(crate) fn nth(self, index: u64) -> Self {
        Self(self.0 + (index & 0x1ff) * 8)
    }

    /// Counts, in the entry of a table, one more entry of that table in use.
    #[inline]
    pub(crate) fn count_one_more(&self) {
        let entry = Entry::from_bits(self.entry().load(Relaxed));
        self.entry()
            .store(entry.count_changed(true).bits(), Relaxed);
    }

    /// The entry.
    #[inline]
    pub(crate) fn entry(&self) -> &AtomicU64 {
        let pointer = core::ptr::with_exposed_provenance_mut(self.0 as usize);
        // SAFETY:
        // - `DirectMap::place` made it from a valid, aligned pointer to an
        //   entry, and `nth` stays in the table, as its callers see to.
        // - It is still a table's: see above. Entries are only ever accessed as
        //   atomics, and the direct map lasts.
        unsafe { AtomicU64::from_ptr(pointer) }
    }
}

/// The physical address of bytes inside a present leaf of a managed frame.
///
/// Made by [`Space`](crate::space::Space) after it has walked the tables.
#[derive(Clone, Copy)]
pub(crate) struct Bytes(pub(crate) u64);
