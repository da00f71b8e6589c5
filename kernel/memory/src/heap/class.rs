//! Which kind of block a layout gets, and the size classes of small ones.
//!
//! ```text
//! 16 32 48 ... 128 | 160 192 224 256 | 320 384 448 512 | 640 ... 1024 | ... 8 KiB | ...
//!  steps of 16     | four steps for each doubling: at most a fifth is lost
//! small: a block of a class                                           | medium    | large
//! ```

use core::alloc::Layout;

use super::source::PAGE;

/// The largest small block, in bytes.
pub(super) const LARGEST: usize = 1024;

/// The largest medium block, in bytes.
pub(super) const LARGEST_MEDIUM: usize = 8192;

/// How many classes there are.
pub(super) const CLASSES: usize = 20;

/// The sizes of small and medium blocks are multiples of this many bytes.
pub(super) const STEP: usize = 16;

/// What a block is, the smaller kinds first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// A block of this class.
    Small(u8),
    /// A piece of a span.
    Medium,
    /// Whole pages.
    Large,
}

/// Block sizes in bytes, by class.
pub(super) const SIZES: [u16; CLASSES] = {
    let mut sizes = [0; CLASSES];
    let mut class = 0;
    while class < CLASSES {
        sizes[class] = if class < 8 {
            (class + 1) * STEP
        } else {
            let doubling = (class - 8) / 4;
            (128 << doubling) + (class % 4 + 1) * (32 << doubling)
        } as u16;
        class += 1;
    }
    sizes
};

const _: () = assert!(SIZES[CLASSES - 1] as usize == LARGEST);

/// The class of `n * STEP` bytes, at index `n`.
static CLASS_OF: [u8; LARGEST / STEP + 1] = {
    let mut table = [0; LARGEST / STEP + 1];
    let (mut steps, mut class) = (0, 0);
    while steps < table.len() {
        if steps * STEP > SIZES[class] as usize {
            class += 1;
        }
        table[steps] = class as u8;
        steps += 1;
    }
    table
};

impl Kind {
    /// The kind of block that a layout gets.
    ///
    /// Blocks of a class lie at multiples of their size from a page boundary, so
    /// those of a power of two are aligned to it.
    #[inline(always)]
    pub(super) fn of(layout: Layout) -> Self {
        let mut size = layout.size();
        if layout.align() > STEP {
            size = size.max(layout.align()).next_power_of_two();
        }
        match CLASS_OF.get(size.div_ceil(STEP)) {
            Some(&class) => Self::Small(class),
            None if layout.size() <= LARGEST_MEDIUM && layout.align() <= PAGE => Self::Medium,
            None => Self::Large,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(size: usize, align: usize) -> Kind {
        Kind::of(Layout::from_size_align(size, align).unwrap())
    }

    fn size_of(size: usize, align: usize) -> Option<u16> {
        match kind(size, align) {
            Kind::Small(class) => Some(SIZES[usize::from(class)]),
            Kind::Medium | Kind::Large => None,
        }
    }

    #[test]
    fn the_smallest_class_that_holds_a_size_is_chosen() {
        for size in 0..=LARGEST {
            let expected = SIZES
                .iter()
                .copied()
                .find(|&class| usize::from(class) >= size);
            assert_eq!(size_of(size, 1), expected, "{size}");
        }
        assert_eq!(size_of(LARGEST + 1, 1), None);
        assert_eq!(size_of(isize::MAX as usize, 1), None);
    }

    #[test]
    fn at_most_a_fifth_is_lost_above_64_bytes() {
        for pair in SIZES.windows(2) {
            let (below, class) = (u32::from(pair[0]), u32::from(pair[1]));
            assert!(below < class);
            assert!(class <= 64 || (class - below - 1) * 5 <= class, "{class}");
        }
    }

    #[test]
    fn an_alignment_asks_for_a_power_of_two() {
        assert_eq!(size_of(33, 16), Some(48), "all blocks are aligned to 16");
        assert_eq!(size_of(1, 32), Some(32));
        assert_eq!(size_of(33, 32), Some(64));
        assert_eq!(size_of(1, 1024), Some(1024));
        assert_eq!(size_of(1024, 64), Some(1024));
        assert_eq!(size_of(1, 2048), None);
    }

    #[test]
    fn medium_blocks_have_up_to_8_kib_and_are_aligned_up_to_a_page() {
        let medium = [(1025, 1), (1025, 64), (1, 2048), (1, 4096), (8192, 4096)];
        let large = [(8193, 1), (8193, 64), (1, 8192), (isize::MAX as usize, 1)];
        assert!(medium.map(|(size, align)| kind(size, align)) == [Kind::Medium; 5]);
        assert!(large.map(|(size, align)| kind(size, align)) == [Kind::Large; 4]);
    }
}
