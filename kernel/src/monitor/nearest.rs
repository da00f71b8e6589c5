//! The name that a misspelt word most likely meant.

/// The longest name that a word is compared with.
pub(super) const LONGEST: usize = 16;

/// The name that is nearest to `word`: the fewest letters to add, to take away
/// or to change. `None` without a name.
#[must_use]
pub(super) fn nearest(
    word: &str,
    names: impl Iterator<Item = &'static str>,
) -> Option<&'static str> {
    names.min_by_key(|name| distance(word.as_bytes(), name.as_bytes()))
}

/// The edit distance (Levenshtein) of a word to a name, one row of the table at a time.
fn distance(word: &[u8], name: &[u8]) -> usize {
    let mut row: [usize; LONGEST + 1] = core::array::from_fn(|index| index);
    for (deleted, letter) in word.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = deleted + 1;
        for (index, other) in name.iter().enumerate() {
            let changed = diagonal + usize::from(letter != other);
            diagonal = row[index + 1];
            row[index + 1] = changed.min(diagonal + 1).min(row[index] + 1);
        }
    }
    row[name.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test_case]
    fn the_distance_counts_letters_added_taken_away_and_changed() {
        assert_eq!(distance(b"", b"frames"), 6);
        assert_eq!(distance(b"frames", b"frames"), 0);
        assert_eq!(distance(b"frame", b"frames"), 1);
        assert_eq!(distance(b"frbmes", b"frames"), 1);
        assert_eq!(distance(b"fframess", b"frames"), 2);
    }
}
