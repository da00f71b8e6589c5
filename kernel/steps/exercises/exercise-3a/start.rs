//! Exercise 3a ★: a frame freed twice.
//!
//! Whoever frees a frame twice has a defect. The second time, the frame may already
//! belong to somebody else, or it is counted as two free frames. The bitmap can tell
//! if the frame is free at that moment: then `free` must refuse, and change nothing.
//!
//! Hint: in the bitmap, 1 is used. Look before you set.

/// The frames 0 to 63: one bit each.
pub struct Frames {
    /// 1 for used.
    bitmap: u64,
    /// 1 for those that are handed out at all.
    managed: u64,
    pub free: u32,
}

/// Why a frame was not freed.
#[derive(Debug, PartialEq)]
pub enum FreeError {
    /// It is not one of those that are handed out.
    NotManaged,
    /// It is free: whoever frees it has freed it before.
    AlreadyFree,
}

impl Frames {
    /// All frames are free that are managed.
    pub fn new(managed: u64) -> Self {
        Self { bitmap: !managed, managed, free: managed.count_ones() }
    }

    /// Takes the first free frame.
    pub fn allocate(&mut self) -> Option<u32> {
        let frame = self.bitmap.trailing_ones();
        self.bitmap |= 1_u64.checked_shl(frame)?;
        self.free -= 1;
        Some(frame)
    }

    /// Gives a frame back.
    pub fn free(&mut self, frame: u32) -> Result<(), FreeError> {
        let bit = 1 << frame;
        if self.managed & bit == 0 {
            return Err(FreeError::NotManaged);
        }
        self.bitmap &= !bit;
        self.free += 1;
        Ok(())
    }
}
