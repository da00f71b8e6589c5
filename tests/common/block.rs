//! Memory from the kernel heap that is touched only where a test says so.

extern crate alloc;

use alloc::alloc::{alloc, dealloc};
use core::alloc::Layout;
use core::ops::Range;
use core::ptr::NonNull;
use kernel::cpu::access;
use x86_64::VirtAddr;

/// A block of the heap with nothing in it, which goes back when it is dropped.
pub struct Block {
    start: NonNull<u8>,
    layout: Layout,
}

impl Block {
    /// As many bytes at a multiple of `align`, a power of two; none of them is touched here.
    pub fn new(size: u64, align: u64) -> Self {
        let layout = Layout::from_size_align(size as usize, align as usize)
            .expect("an alignment is a power of two");
        // SAFETY: no block of this test is of size 0.
        let start = NonNull::new(unsafe { alloc(layout) }).expect("the heap has room");
        Self { start, layout }
    }

    /// Its addresses.
    pub fn range(&self) -> Range<u64> {
        let start = VirtAddr::from_ptr(self.start.as_ptr()).as_u64();
        start..start + self.layout.size() as u64
    }

    /// Writes a byte, through the processor.
    pub fn write(&self, offset: u64, byte: u8) {
        assert!(offset < self.layout.size() as u64);
        // SAFETY: the byte lies inside the block, which is this value's own.
        unsafe { access::write_byte(VirtAddr::new(self.range().start + offset), byte) }
    }

    /// Reads a byte, through the processor.
    pub fn read(&self, offset: u64) -> u8 {
        assert!(offset < self.layout.size() as u64);
        // SAFETY: as in `write`.
        unsafe { access::read_byte(VirtAddr::new(self.range().start + offset)) }
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: the block came from `alloc` with this layout, and goes back once.
        unsafe { dealloc(self.start.as_ptr(), self.layout) }
    }
}
