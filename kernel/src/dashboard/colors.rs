//! The colours of the dashboard: one for each state of frames and of parts of
//! regions, the same where they mean the same.

use embedded_graphics::pixelcolor::Rgb888;

use crate::picture::FrameState;
use crate::picture::bar::PartState;

/// Titles.
pub(super) const TITLE: Rgb888 = Rgb888::new(0x88, 0xc0, 0xd0);
/// Lines beside titles, outlines of tables.
pub(super) const RULE: Rgb888 = Rgb888::new(0x3b, 0x46, 0x58);
/// Text of less importance.
pub(super) const DIM: Rgb888 = Rgb888::new(0x86, 0x90, 0xa2);
/// What was refused, and where a walk ends without a frame.
pub(super) const REFUSED: Rgb888 = Rgb888::new(0xe8, 0x6b, 0x73);
/// The path of a walk.
pub(super) const PATH: Rgb888 = TABLE;

const GUARD: Rgb888 = Rgb888::new(0x6e, 0x35, 0x40);
const FREE: Rgb888 = Rgb888::new(0x2a, 0x33, 0x42);
const RESERVED: Rgb888 = Rgb888::new(0x6b, 0x74, 0x85);
const KERNEL: Rgb888 = Rgb888::new(0xb0, 0x7c, 0xd8);
const TABLE: Rgb888 = Rgb888::new(0xf0, 0xb4, 0x4c);
const ZERO: Rgb888 = Rgb888::new(0xff, 0xff, 0xff);
const PRIVATE: Rgb888 = Rgb888::new(0x4f, 0xa8, 0xf7);
const SHARED: Rgb888 = Rgb888::new(0x2d, 0xd4, 0xd4);
const SWAPPED: Rgb888 = Rgb888::new(0xd9, 0x5f, 0x9e);
const BORROWED: Rgb888 = Rgb888::new(0x4a, 0xc2, 0x8c);

/// The colour of frames in this state.
pub(super) const fn of_frames(state: FrameState) -> Rgb888 {
    match state {
        FrameState::Reserved => RESERVED,
        FrameState::Kernel => KERNEL,
        FrameState::Table => TABLE,
        FrameState::Zero => ZERO,
        FrameState::Private => PRIVATE,
        FrameState::Shared => SHARED,
        FrameState::Borrowed => BORROWED,
        FrameState::Free => FREE,
    }
}

/// The colour of a part of a region.
pub(super) const fn of_part(state: PartState) -> Rgb888 {
    match state {
        PartState::Nothing => FREE,
        PartState::Private => PRIVATE,
        PartState::Shared => SHARED,
        PartState::Zero => ZERO,
        PartState::Borrowed => BORROWED,
        PartState::Swapped => SWAPPED,
        PartState::Fixed => RESERVED,
        PartState::Guard => GUARD,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test_case]
    fn no_two_states_of_frames_look_alike() {
        for (index, state) in FrameState::ALL.into_iter().enumerate() {
            for other in &FrameState::ALL[index + 1..] {
                assert_ne!(of_frames(state), of_frames(*other));
            }
        }
    }
}
