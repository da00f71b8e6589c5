//! Solution of exercise 5b: canonical or not.

/// Whether an address is canonical.
pub fn is_canonical(address: u64) -> bool {
    // Bit 47 and its 16 copies. A signed shift by 16 to the left and back, compared with
    // the address, says the same.
    matches!(address >> 47, 0 | 0x1_ffff)
}
