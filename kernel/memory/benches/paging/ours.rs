//! This crate: a kernel half, one space beside it, and whole operations on it.

use faultline_memory::paging::{Cache, LeafSize};
use faultline_memory::space::{Backing, Placement, Request, Rights};
use faultline_memory::{Access, Fault, KernelHalf, Memory, Outcome, Space};
use x86_64::{PhysAddr, VirtAddr};

use crate::common::{OURS, memory};
use crate::{BASE, BYTES, TARGET, Tables};

pub(crate) struct Faultline {
    memory: Memory,
    space: Space,
}

impl Faultline {
    fn allocate(&mut self, backing: Backing) {
        let request = Request::new(BYTES, backing)
            .page_size(LeafSize::Size4KiB)
            .placement(Placement::At(VirtAddr::new(BASE)));
        self.space
            .allocate(request, &self.memory)
            .expect("frames for the tables, and nothing in the way");
    }
}

impl Tables for Faultline {
    const NAME: &str = OURS;

    fn new() -> Self {
        let memory = memory(8 << 20);
        // SAFETY: no other half is used, or loaded, with it.
        let kernel = unsafe { KernelHalf::new(320..321, &[], &memory) }.expect("enough frames");
        let space = Space::new(&kernel, &memory).expect("a frame");
        Self { memory, space }
    }

    fn map_range(&mut self) {
        self.allocate(Backing::Device(PhysAddr::new(TARGET), Cache::WriteBack));
    }

    fn prepare(&mut self) {
        self.allocate(Backing::Zero);
    }

    /// Reads from a page of a zero region: the fault maps the zero frame.
    #[inline]
    fn map_one(&mut self, address: u64) {
        let fault = Fault::supervisor(VirtAddr::new(address), Access::Read);
        let outcome = self.space.resolve(&fault, &self.memory);
        assert_eq!(outcome, Outcome::ZeroRead);
    }

    #[inline]
    fn translate(&self, address: u64) -> Option<u64> {
        let physical = self.space.translate(VirtAddr::new(address));
        physical.map(PhysAddr::as_u64)
    }

    fn protect_range(&mut self, writable: bool) {
        let rights = if writable {
            Rights::ReadWrite
        } else {
            Rights::Read
        };
        self.space
            .protect(VirtAddr::new(BASE), BYTES, rights, &self.memory)
            .expect("the region is there");
    }

    fn unmap_range(&mut self) {
        self.space
            .free(VirtAddr::new(BASE), &self.memory)
            .expect("the region is there");
    }

    fn reset(&mut self) {
        if self.space.region_count() > 0 {
            self.unmap_range();
        }
    }
}
