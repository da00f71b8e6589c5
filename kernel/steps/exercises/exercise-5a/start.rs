//! Exercise 5a ★: an address taken apart.
//!
//! A page's way through the tables is in its address: 9 bits for each of four
//! levels, then 12 bits for the byte within the page.
//!
//! | bits | 63 to 48 | 47 to 39 | 38 to 30 | 29 to 21 | 20 to 12 | 11 to 0 |
//! |---|---|---|---|---|---|---|
//! | | as bit 47 | level 4 | level 3 | level 2 | level 1 | offset |
//!
//! `parts` gets the offset right, but for the indices it only shifts. Mend it.
//!
//! Hint: after the shift, the bits of all upper levels are still there.

/// The entries on the way to an address (of the levels 4, 3, 2 and 1), and the byte in its page.
#[derive(Debug, PartialEq)]
pub struct Parts {
    pub entries: [u64; 4],
    pub offset: u64,
}

/// Takes an address apart.
pub fn parts(address: u64) -> Parts {
    Parts { entries: [39, 30, 21, 12].map(|shift| address >> shift), offset: address & 0xfff }
}
