//! The memory of the process that runs, as system calls reach it.
//!
//! Every access may be wrong, and is refused then like the program's own would
//! be; the kernel goes on. Pages become physical as if the program had touched
//! them, and the faults are counted.

use alloc::vec::Vec;

use super::calls::Errno;
use crate::cpu::access::{read_program, write_program};
use crate::cpu::ring3::END;

/// The program may not access this memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadAddress;

impl From<BadAddress> for Errno {
    fn from(BadAddress: BadAddress) -> Self {
        Self::BAD_ADDRESS
    }
}

/// Values that any bytes are, without padding.
///
/// # Safety
///
/// Any bytes are a value of the type, and all of its bytes are initialised.
pub unsafe trait Plain: Copy {}

// SAFETY: any bytes are integers, and integers have no padding.
unsafe impl Plain for u8 {}
// SAFETY: as above.
unsafe impl Plain for u16 {}
// SAFETY: as above.
unsafe impl Plain for u32 {}
// SAFETY: as above.
unsafe impl Plain for u64 {}
// SAFETY: as above.
unsafe impl Plain for i32 {}
// SAFETY: as above.
unsafe impl Plain for i64 {}
// SAFETY: an array has no padding between its elements.
unsafe impl<T: Plain, const N: usize> Plain for [T; N] {}

/// Whether so many bytes from `address` on lie where programs may have memory.
fn check(address: u64, length: usize) -> Result<(), BadAddress> {
    let end = address.checked_add(length as u64).ok_or(BadAddress)?;
    if end <= END { Ok(()) } else { Err(BadAddress) }
}

/// Reads the bytes at `address`.
///
/// # Errors
///
/// Not all of them may be read. What could be read stands in `into`.
pub fn read(address: u64, into: &mut [u8]) -> Result<(), BadAddress> {
    check(address, into.len())?;
    if read_program(address, into) == into.len() {
        Ok(())
    } else {
        Err(BadAddress)
    }
}

/// Writes bytes to `address`.
///
/// # Errors
///
/// Not all of them may be written. Those before the first that may not are.
pub fn write(address: u64, from: &[u8]) -> Result<(), BadAddress> {
    check(address, from.len())?;
    if write_program(address, from) == from.len() {
        Ok(())
    } else {
        Err(BadAddress)
    }
}

/// Reads the value at `address`, which need not be aligned.
///
/// # Errors
///
/// Not all of its bytes may be read.
pub fn read_value<T: Plain>(address: u64) -> Result<T, BadAddress> {
    let mut value = core::mem::MaybeUninit::<T>::zeroed();
    // SAFETY: the bytes are the value's own, and zeroes until they are read.
    let bytes =
        unsafe { core::slice::from_raw_parts_mut(value.as_mut_ptr().cast(), size_of::<T>()) };
    read(address, bytes)?;
    // SAFETY: any bytes are a value.
    Ok(unsafe { value.assume_init() })
}

/// Writes a value to `address`, which need not be aligned.
///
/// # Errors
///
/// Not all of its bytes may be written.
pub fn write_value<T: Plain>(address: u64, value: &T) -> Result<(), BadAddress> {
    // SAFETY: the bytes are the value's own, and all of them are initialised.
    let bytes =
        unsafe { core::slice::from_raw_parts(core::ptr::from_ref(value).cast(), size_of::<T>()) };
    write(address, bytes)
}

/// Why there is no string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StringError {
    /// The program may not read it, or what comes before its end.
    BadAddress,
    /// It does not end within as many bytes as it may have.
    TooLong,
    /// The kernel heap has no room for it.
    OutOfMemory,
}

/// Reads the bytes from `address` on up to the first 0, which is left out.
///
/// # Errors
///
/// See [`StringError`]; `most` is the most bytes it may have, without the 0.
pub fn read_string(address: u64, most: usize) -> Result<Vec<u8>, StringError> {
    /// Bytes that are read at once; a string may end anywhere before a page
    /// that is not there.
    const CHUNK: usize = 64;
    let mut string = Vec::new();
    let mut chunk = [0; CHUNK];
    loop {
        let here = address.saturating_add(string.len() as u64);
        let count = read_program(here, &mut chunk);
        let end = chunk[..count].iter().position(|byte| *byte == 0);
        let part = &chunk[..end.unwrap_or(count)];
        if string.len() + part.len() > most {
            return Err(StringError::TooLong);
        }
        if string.try_reserve(part.len()).is_err() {
            return Err(StringError::OutOfMemory);
        }
        string.extend_from_slice(part);
        if end.is_some() {
            return Ok(string);
        }
        if count < CHUNK {
            return Err(StringError::BadAddress);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spaces;
    use memory::space::{Backing, Placement, Request};
    use x86_64::VirtAddr;

    const BASE: u64 = 0x40_0000;
    const PAGE: u64 = 4096;

    /// Runs `test` while two pages from [`BASE`] on are a program's.
    fn with_two_pages(test: impl FnOnce()) {
        let place = Placement::At(VirtAddr::new(BASE));
        let request = Request::new(2 * PAGE, Backing::Demand).placement(place);
        spaces::current(|space, memory| space.allocate(request.user(), memory))
            .expect("the low half is empty");
        test();
        spaces::current(|space, memory| space.free(VirtAddr::new(BASE), memory))
            .expect("the region is the test's own");
    }

    #[test_case]
    fn values_are_read_as_they_were_written_over_the_end_of_a_page() {
        with_two_pages(|| {
            let value = [0x0123_4567_89ab_cdef_u64, u64::MAX];
            assert_eq!(write_value(BASE + PAGE - 3, &value), Ok(()));
            assert_eq!(read_value(BASE + PAGE - 3), Ok(value));
        });
    }

    #[test_case]
    fn what_is_not_all_there_is_refused_and_what_is_there_is_accessed() {
        with_two_pages(|| {
            let end = BASE + 2 * PAGE;
            assert_eq!(write(end - 2, &[1, 2, 3]), Err(BadAddress));
            let mut bytes = [0; 3];
            assert_eq!(read(end - 2, &mut bytes), Err(BadAddress));
            assert_eq!(bytes, [1, 2, 0]);
            assert_eq!(read_value::<u8>(end), Err(BadAddress));
        });
    }

    #[test_case]
    fn addresses_that_are_no_programs_are_refused_whatever_lies_there() {
        let kernels = spaces::memory()
            .direct_map()
            .address_of(spaces::memory().zero_frame().start_address())
            .as_u64();
        for address in [0, kernels, END, END - 1, u64::MAX, u64::MAX - 1] {
            assert_eq!(read_value::<u16>(address), Err(BadAddress), "{address:#x}");
            assert_eq!(
                write_value(address, &1_u16),
                Err(BadAddress),
                "{address:#x}"
            );
        }
        assert_eq!(read(END, &mut []), Ok(()));
    }

    #[test_case]
    fn a_string_ends_at_its_first_zero_and_has_a_limit() {
        with_two_pages(|| {
            let end = BASE + 2 * PAGE;
            let long = [b'x'; 200];
            assert_eq!(write(end - 201, &long), Ok(()));
            assert_eq!(read_string(end - 201, 200).as_deref(), Ok(&long[..]));
            assert_eq!(read_string(end - 201, 199), Err(StringError::TooLong));
            assert_eq!(read_string(end - 1, 0).as_deref(), Ok(&[][..]));
            assert_eq!(write(end - 1, b"x"), Ok(()));
            assert_eq!(read_string(end - 201, 4096), Err(StringError::BadAddress));
        });
    }
}
