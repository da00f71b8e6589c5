//! Where things lie in an address space.

use x86_64::VirtAddr;

use crate::translation::UPPER;

/// The first address of the kernel half.
pub(crate) const KERNEL_HALF: VirtAddr = VirtAddr::new_truncate(UPPER);
