//! Solution of exercise 5a: an address taken apart.

/// The entries on the way to an address (of the levels 4, 3, 2 and 1), and the byte in its page.
#[derive(Debug, PartialEq)]
pub struct Parts {
    pub entries: [u64; 4],
    pub offset: u64,
}

/// Takes an address apart.
pub fn parts(address: u64) -> Parts {
    // A table has 512 entries: 9 bits are kept, and the levels above are cut off. For
    // level 4 this cuts off the copies of bit 47.
    let entries = [39, 30, 21, 12].map(|shift| (address >> shift) & 0x1ff);
    Parts { entries, offset: address & 0xfff }
}
