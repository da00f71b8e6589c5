//! Where things lie in the kernel half of every address space.
//!
//! ```text
//!  slot      address                 what
//!  256       0xffff_8000_0000_0000   the kernel's image, by section
//!  257..288                          the boot loader's own; gone after boot
//!  288..352  0xffff_9000_0000_0000   the direct map: 32 TiB at most
//!  384       0xffff_c000_0000_0000   regions: stacks, device memory
//!  385       0xffff_c080_0000_0000   the heap, as far as it has grown
//!  386       0xffff_c100_0000_0000   fenced heap blocks
//!  387       0xffff_c180_0000_0000   the framebuffer
//! ```
//!
//! A slot is an entry of the level 4 table: 512 GiB. The boot loader is asked
//! for the same addresses, so that pointers into image, direct map and
//! framebuffer stay good when the kernel's own tables are loaded.

use core::ops::Range;
use x86_64::VirtAddr;

/// The lowest address of the kernel half under 4-level paging.
pub const KERNEL_HALF: VirtAddr = VirtAddr::new(0xffff_8000_0000_0000);

/// Bytes of one slot.
pub const SLOT_SIZE: u64 = 1 << 39;

/// Where the kernel's image is loaded.
pub const IMAGE: VirtAddr = slot(IMAGE_SLOT);

/// Where physical address 0 is mapped.
pub const DIRECT_MAP: VirtAddr = slot(DIRECT_MAP_SLOTS.start);

/// Where the framebuffer is mapped, if there is one.
pub const FRAMEBUFFER: VirtAddr = slot(REGION_SLOTS.end - 1);

/// Where the heap begins; its slot is kept free for it, so that it grows in one piece.
pub const HEAP: VirtAddr = slot(REGION_SLOTS.start + 1);

/// Where heap blocks lie that have pages of their own.
pub const FENCED_BLOCKS: VirtAddr = slot(REGION_SLOTS.start + 2);

/// The slot of the image.
pub const IMAGE_SLOT: u16 = 256;

/// The slots of the direct map, as far as there is memory for them.
pub const DIRECT_MAP_SLOTS: Range<u16> = 288..352;

/// The slots in which regions are placed.
pub const REGION_SLOTS: Range<u16> = 384..388;

/// Size of a kernel stack in bytes, its guard page fenced.
pub const STACK_SIZE: u64 = 128 * 1024;

/// The first address of a slot of the kernel half, 256 to 511.
const fn slot(number: u16) -> VirtAddr {
    VirtAddr::new_truncate(number as u64 * SLOT_SIZE)
}

const _: () = assert!(KERNEL_HALF.as_u64() == IMAGE.as_u64());
