//! Exercise 5b ★: canonical or not.
//!
//! The tables translate 48 bits of an address, the bits 0 to 47. The processor asks
//! for the other 16 to be copies of bit 47; such an address is canonical. An access
//! to any other address is a general protection fault (or a stack fault), before a
//! table is looked at.
//!
//! The function below knows that the upper 16 bits must be all 0 or all 1. Which of
//! the two, it does not ask. Mend it.
//!
//! Hint: 17 bits must be equal, not 16.

/// Whether an address is canonical.
pub fn is_canonical(address: u64) -> bool {
    matches!(address >> 48, 0 | 0xffff)
}
