//! Solution of exercise 6c: how many pages an object touches.

/// The size of a page, in bytes.
pub const PAGE_SIZE: u64 = 4096;

/// How many pages an object touches.
pub fn pages_touched(address: u64, size: u64) -> u64 {
    if size == 0 {
        return 0; // there is no last byte
    }
    // `address + size` can be 2^64, which no u64 holds. The last byte's address is
    // always one.
    let last = address + (size - 1);
    last / PAGE_SIZE - address / PAGE_SIZE + 1
}
