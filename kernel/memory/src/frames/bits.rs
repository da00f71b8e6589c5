//! Spans of bits in a slice of words.

/// The words that hold the bits `from..end`, each with the bits that are meant.
fn words(from: u64, end: u64) -> impl Iterator<Item = (usize, u64)> {
    let mut next = from;
    core::iter::from_fn(move || {
        let at = next;
        let left = end.checked_sub(at).filter(|&left| left > 0)?;
        let count = left.min(64 - at % 64);
        next = at + count;
        Some(((at / 64) as usize, u64::MAX >> (64 - count) << (at % 64)))
    })
}

/// Sets the bits `from..end`, or clears them.
pub(super) fn set(bits: &mut [u64], from: u64, end: u64, is_set: bool) {
    for (word, mask) in words(from, end) {
        let others = bits[word] & !mask;
        bits[word] = if is_set { others | mask } else { others };
    }
}

/// Returns the first bit of `from..end` that is `wanted`, or `end`.
pub(super) fn next(bits: &[u64], from: u64, end: u64, wanted: bool) -> u64 {
    for (word, mask) in words(from, end) {
        let found = if wanted { bits[word] } else { !bits[word] } & mask;
        if found != 0 {
            return word as u64 * 64 + u64::from(found.trailing_zeros());
        }
    }
    end
}
