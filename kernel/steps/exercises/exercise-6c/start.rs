//! Exercise 6c ★: how many pages an object touches.
//!
//! 16 bytes fit into a page 256 times, and still an object of 16 bytes can touch two
//! pages: it straddles the border between them. How many page faults a new object
//! takes depends on its address as well as on its size.
//!
//! `pages_touched` looks at the size only. Mend it.
//!
//! Hint: the page of the first byte and the page of the last byte. An object may end
//! with the very last address, so do not compute the address behind it. An object
//! without bytes touches nothing.

/// The size of a page, in bytes.
pub const PAGE_SIZE: u64 = 4096;

/// How many pages an object touches.
pub fn pages_touched(_address: u64, size: u64) -> u64 {
    size.div_ceil(PAGE_SIZE)
}
