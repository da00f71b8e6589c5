//! Exercise 7a ★: CR0.WP forgotten.
//!
//! Pages that were only read share one frame of zeroes, mapped without the right to
//! write. For ring 3 that is enough. The kernel may write to read-only pages all the
//! same, unless bit WP of CR0 forbids it, and the processor begins with WP = 0. The
//! boot loader of this book sets it; another one may not, and then the first write of
//! the kernel to such a page goes into the frame behind all of them.
//!
//! The test kernel begins with WP = 0. Let `init_zero_frame` see to it that nobody
//! writes to the frame.
//!
//! Hint: `Cr0::update` of `x86_64::registers::control`, and `Cr0Flags::WRITE_PROTECT`.

use x86_64::structures::paging::PhysFrame;

use crate::machine::{Frames, zeroed};

/// Takes the frame that stands behind every page that was only read. Nobody writes to it.
pub fn init_zero_frame(frames: &mut Frames) -> PhysFrame {
    zeroed(frames).expect("a free frame")
}
