//! Solution of exercise 7a: CR0.WP forgotten.

use x86_64::registers::control::{Cr0, Cr0Flags};
use x86_64::structures::paging::PhysFrame;

use crate::machine::{Frames, zeroed};

/// Takes the frame that stands behind every page that was only read. Nobody writes to it.
pub fn init_zero_frame(frames: &mut Frames) -> PhysFrame {
    let frame = zeroed(frames).expect("a free frame");
    // Here and not elsewhere: whoever relies on a right sees to it that the right holds.
    // SAFETY: this kernel writes to no page whose entry is read-only.
    unsafe { Cr0::update(|flags| flags.insert(Cr0Flags::WRITE_PROTECT)) };
    frame
}
