//! What `virtio-drivers` needs of this kernel: frames that a device reads and
//! writes by itself, the physical address of a buffer, and the device's registers.
//!
//! What must always hold: a device is told of memory that the direct map shows,
//! and of nothing else. There one address is one physical address, and a buffer
//! that is in one piece here is in one piece for the device.

use core::ptr::NonNull;

use memory::paging::Cache;
use virtio_drivers::{BufferDirection, Hal, PhysAddr as DeviceAddress};
use x86_64::structures::paging::PhysFrame;
use x86_64::{PhysAddr, VirtAddr};

use crate::layout::DIRECT_MAP;
use crate::physical;
use crate::spaces::{self, map_device};

/// This kernel, as the crate sees it.
#[derive(Debug)]
pub(super) struct Dma;

// SAFETY: frames are handed out once, and the direct map shows them; see each function.
unsafe impl Hal for Dma {
    fn dma_alloc(pages: usize, _: BufferDirection) -> (DeviceAddress, NonNull<u8>) {
        let memory = spaces::memory();
        let Ok(run) = physical::keep_run(pages as u64, memory) else {
            // The crate's own sign that there is no memory.
            return (0, NonNull::dangling());
        };
        let start = memory.direct_map().address_of(run.start());
        let start = NonNull::new(start.as_mut_ptr::<u8>()).expect("the direct map begins above 0");
        // SAFETY: the frames are ours alone, and the direct map shows all of them.
        unsafe { start.write_bytes(0, pages * virtio_drivers::PAGE_SIZE) };
        (run.start().as_u64(), start)
    }

    unsafe fn dma_dealloc(start: DeviceAddress, _: NonNull<u8>, pages: usize) -> i32 {
        let first = PhysFrame::containing_address(PhysAddr::new(start));
        // SAFETY: the caller vouches that they come from `dma_alloc`, as many as these.
        unsafe { physical::let_run_go(first, pages as u64, spaces::memory()) };
        0
    }

    unsafe fn mmio_phys_to_virt(start: DeviceAddress, size: usize) -> NonNull<u8> {
        let start = PhysAddr::new(start);
        let registers = map_device(start, size as u64, Cache::Uncached, "registers of a disk")
            .expect("room for the registers of a disk");
        // They stay mapped for good, as the crate never gives them back.
        let address = registers.into_address();
        NonNull::new(address.as_mut_ptr()).expect("the kernel half begins above 0")
    }

    unsafe fn share(buffer: NonNull<[u8]>, _: BufferDirection) -> DeviceAddress {
        let address = VirtAddr::from_ptr(buffer.as_ptr().cast::<u8>());
        address
            .as_u64()
            .checked_sub(DIRECT_MAP.as_u64())
            .filter(|offset| *offset < 1 << 52)
            .expect("what a device is told of lies in the direct map")
    }

    unsafe fn unshare(_: DeviceAddress, _: NonNull<[u8]>, _: BufferDirection) {
        // A processor of this kind sees what a device has written.
    }
}
