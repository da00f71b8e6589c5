//! Memory in words of 64 bits, as much as a program asks for, and numbers to fill it
//! with.

#![allow(unsafe_code)] // The mapping becomes a slice.

use crate::calls;
use crate::errno::Errno;

/// ENOMEM.
const NO_MEMORY: Errno = Errno(12);

/// New memory of zeroes, for as long as the program lives.
pub fn words(count: usize) -> Result<&'static mut [u64], Errno> {
    let flags = calls::PRIVATE | calls::ANONYMOUS;
    let length = count.checked_mul(size_of::<u64>()).ok_or(NO_MEMORY)?;
    let start = calls::map(length, calls::READ | calls::WRITE, flags, usize::MAX)?;
    // SAFETY: the mapping is new, of this length, aligned to a page and never given
    // back; any bytes are words.
    Ok(unsafe { core::slice::from_raw_parts_mut(start as *mut u64, count) })
}

/// Numbers that look random and are the same each time (Marsaglia's xorshift).
#[derive(Debug, Clone)]
pub struct Numbers(u64);

impl Numbers {
    /// Those that begin with this seed.
    #[must_use]
    pub fn from(seed: u64) -> Self {
        Self(seed | 1)
    }
}

impl Iterator for Numbers {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        Some(self.0)
    }
}

/// What all of these words come to, in whatever order they stand.
#[must_use]
pub fn checksum(words: &[u64]) -> u64 {
    words.iter().fold(0, |sum, word| {
        sum.wrapping_add(word.rotate_left(23) ^ (word >> 7))
    })
}
