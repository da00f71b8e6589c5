//! The jump to other page tables and another stack at once.

use core::arch::asm;
use x86_64::VirtAddr;
use x86_64::structures::paging::PhysFrame;

/// Loads `root` as level 4 table, and calls `next` on the stack that ends at
/// `top`. What lies on the stack that is left behind is never seen again.
///
/// # Safety
///
/// - `root` maps the kernel's image and all its statics where they are now,
///   and every translation that it shares with the loaded root is the same.
/// - `top` is a multiple of 16, below it lies a mapped stack that is unused.
/// - Nothing that `next` uses lies on the present stack.
pub unsafe fn switch(root: PhysFrame, top: VirtAddr, next: extern "sysv64" fn() -> !) -> ! {
    // SAFETY: as the caller vouches. The instructions are in the image, which
    // both roots map; RBP is cleared so that a backtrace ends here.
    unsafe {
        asm!(
            "mov cr3, {root}",
            "mov rsp, {top}",
            "xor ebp, ebp",
            "call {next}",
            "ud2",
            root = in(reg) root.start_address().as_u64(),
            top = in(reg) top.as_u64(),
            next = in(reg) next,
            options(noreturn)
        )
    }
}
