//! Spans of bits in a slice of words: the words they lie in, each with a mask.

/// The words that hold the bits `from..end`, each with the bits that are meant.
pub(super) fn words(from: u64, end: u64) -> impl Iterator<Item = (usize, u64)> {
    let mut next = from;
    core::iter::from_fn(move || {
        let at = next;
        let left = end.checked_sub(at).filter(|&left| left > 0)?;
        let count = left.min(64 - at % 64);
        next = at + count;
        Some(((at / 64) as usize, u64::MAX >> (64 - count) << (at % 64)))
    })
}

/// Sets the bits `from..end`.
pub(super) fn set(bits: &mut [u64], from: u64, end: u64) {
    for (word, mask) in words(from, end) {
        bits[word] |= mask;
    }
}

/// Clears the bits `from..end`.
pub(super) fn clear(bits: &mut [u64], from: u64, end: u64) {
    for (word, mask) in words(from, end) {
        bits[word] &= !mask;
    }
}

/// The first bit of `from..end` that is `wanted`, or `end`.
pub(super) fn next(bits: &[u64], from: u64, end: u64, wanted: bool) -> u64 {
    for (word, mask) in words(from, end) {
        let found = if wanted { bits[word] } else { !bits[word] } & mask;
        if found != 0 {
            return word as u64 * 64 + u64::from(found.trailing_zeros());
        }
    }
    end
}
