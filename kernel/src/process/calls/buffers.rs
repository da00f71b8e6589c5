//! The bytes of a program that a call reads or writes: one range of them or several,
//! gone through in chunks.
//!
//! No call needs more of the kernel than a chunk. What goes wrong after the first
//! byte ends the work with the bytes that went; only what goes wrong before it is an
//! error.

use alloc::vec::Vec;

use super::super::user;
use super::Errno;
use crate::console::input;
use crate::cpu::ring3::END;

/// Bytes that go at once.
const CHUNK: usize = 1024;

/// Bytes that one call transfers at most (Linux: MAX_RW_COUNT).
const MOST_BYTES: u64 = 0x7fff_f000;

/// Ranges that one call has at most (Linux: UIO_MAXIOV).
const MOST_RANGES: u64 = 1024;

/// Bytes of a program.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    pub(super) address: u64,
    pub(super) count: u64,
}

impl Range {
    /// # Errors
    ///
    /// EFAULT: it does not lie where programs may have memory.
    pub(super) fn new(address: u64, count: u64) -> Result<Self, Errno> {
        match address.checked_add(count) {
            Some(end) if end <= END => Ok(Self { address, count }),
            Some(_) | None => Err(Errno::BAD_ADDRESS),
        }
    }

    /// The ranges of a `readv` or `writev`, and at most so many bytes as a call transfers.
    pub(super) fn several(list: u64, count: u64) -> Result<Vec<Self>, Errno> {
        // An `int` or a `long`, whose negative numbers are too many.
        if count > MOST_RANGES {
            return Err(Errno::INVALID);
        }
        let mut ranges = Vec::new();
        let room = ranges.try_reserve_exact(count as usize);
        room.map_err(|_| Errno::NO_MEMORY)?;
        let mut left = MOST_BYTES;
        for index in 0..count {
            const BYTES: u64 = size_of::<[u64; 2]>() as u64;
            let place = list.checked_add(index * BYTES).ok_or(Errno::BAD_ADDRESS)?;
            let [address, count] = user::read_value(place)?;
            if count > i64::MAX as u64 {
                return Err(Errno::INVALID);
            }
            let mut range = Self::new(address, count)?;
            range.count = range.count.min(left);
            left -= range.count;
            ranges.push(range);
        }
        Ok(ranges)
    }
}

/// Transfers one range after the other, until one stops short.
pub(super) fn each(
    ranges: &[Range],
    mut transfer: impl FnMut(Range) -> Result<u64, Errno>,
) -> Result<u64, Errno> {
    let mut done = 0;
    for range in ranges {
        let count = range.count.min(MOST_BYTES);
        match transfer(Range { count, ..*range }) {
            Ok(part) => {
                done += part;
                if part < count {
                    break;
                }
            }
            Err(_) if done > 0 => break,
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Works on a range in chunks, each from its address on; `work` says how many bytes
/// went. Stops where it stops short, or goes wrong after the first byte.
pub(super) fn in_chunks(
    range: Range,
    mut work: impl FnMut(u64, u64, &mut [u8]) -> Result<usize, Errno>,
) -> Result<u64, Errno> {
    let mut buffer = [0; CHUNK];
    let mut done = 0;
    loop {
        let wanted = (range.count - done).min(CHUNK as u64) as usize;
        match work(done, range.address + done, &mut buffer[..wanted]) {
            Ok(went) => {
                done += went as u64;
                // Nobody waits for the rest after Ctrl-C.
                if went < wanted || done == range.count || input::check().is_err() {
                    return Ok(done);
                }
            }
            Err(_) if done > 0 => return Ok(done),
            Err(error) => return Err(error),
        }
    }
}

/// How many bytes went of so many, if it was not none.
pub(super) const fn went(count: usize, wanted: usize) -> Result<usize, Errno> {
    if count == 0 && wanted > 0 {
        return Err(Errno::BAD_ADDRESS);
    }
    Ok(count)
}
