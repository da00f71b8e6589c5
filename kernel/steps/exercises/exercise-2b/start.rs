//! Exercise 2b ★★: frame 0 is never handed out.
//!
//! The firmware of a PC lists memory from address 0 as usable. Frame 0 must stay
//! out of reach all the same: an entry of 0 says "no page", and a physical address
//! of 0 says "none" in much code and in some devices.
//!
//! Below, `allocate` skips frame 0, and that is not enough: `free` (the count) and
//! `free` (the function) still take it for a frame like others. Mend that.
//!
//! Hint: step 3 has one function, `is_managed`, that all others ask. Decide there.

use core::ops::Range;

/// The frames 0 to 63: one bit each, 1 for used.
pub struct Frames {
    bitmap: u64,
    usable: Range<u64>,
    pub free: u64,
}

/// Why a frame was not freed.
#[derive(Debug, PartialEq)]
pub enum FreeError {
    NotManaged,
    AlreadyFree,
}

impl Frames {
    /// Makes the frames free that are usable.
    pub fn new(usable: Range<u64>) -> Self {
        let mut frames = Self { bitmap: u64::MAX, usable, free: 0 };
        for frame in 0..64 {
            if frames.is_managed(frame) {
                frames.set_free(frame);
            }
        }
        frames
    }

    /// Whether this frame is handed out at all.
    fn is_managed(&self, frame: u64) -> bool {
        self.usable.contains(&frame)
    }

    fn set_free(&mut self, frame: u64) {
        self.bitmap &= !(1 << frame);
        self.free += 1;
    }

    /// Takes the first free frame.
    pub fn allocate(&mut self) -> Option<u64> {
        let frame = (1..64).find(|frame| self.bitmap & (1 << frame) == 0)?;
        self.bitmap |= 1 << frame;
        self.free -= 1;
        Some(frame)
    }

    /// Gives a frame back.
    pub fn free(&mut self, frame: u64) -> Result<(), FreeError> {
        if !self.is_managed(frame) {
            return Err(FreeError::NotManaged);
        }
        if self.bitmap & (1 << frame) == 0 {
            return Err(FreeError::AlreadyFree);
        }
        self.set_free(frame);
        Ok(())
    }
}
