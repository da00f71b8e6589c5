//! Size classes: which small block a layout gets.
//!
//! ```text
//! 16 32 48 ... 128 | 160 192 224 256 | 320 384 448 512 | ... | 5120 ... 8192
//!  steps of 16     | four steps for each doubling: at most a fifth is lost
//! ```
//!
//! A table of one byte for each 16 bytes of size stands in for the arithmetic:
//! one load, where leading zeroes, shifts and a branch took 6 cycles more on
//! the way of every day.

use core::alloc::Layout;

use super::source::PAGE;

/// The largest small block, in bytes.
pub(super) const LARGEST: usize = 8192;

/// How many classes there are.
pub(super) const CLASSES: usize = 32;

/// Block sizes are multiples of this many bytes.
const STEP: usize = 16;

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

/// The class that a layout belongs to; `None` if it is no small one.
///
/// Blocks of a class lie at multiples of their size from a page boundary, so
/// those of a power of two are aligned to it, up to a page.
#[inline(always)]
pub(super) fn of(layout: Layout) -> Option<u8> {
    let mut size = layout.size();
    if layout.align() > STEP {
        size = size.max(layout.align()).checked_next_power_of_two()?;
        if size > PAGE {
            return None;
        }
    }
    CLASS_OF.get(size.div_ceil(STEP)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size_of(size: usize, align: usize) -> Option<u16> {
        let layout = Layout::from_size_align(size, align).unwrap();
        of(layout).map(|class| SIZES[usize::from(class)])
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
    fn an_alignment_asks_for_a_power_of_two_up_to_a_page() {
        assert_eq!(size_of(33, 16), Some(48), "all blocks are aligned to 16");
        assert_eq!(size_of(1, 32), Some(32));
        assert_eq!(size_of(33, 32), Some(64));
        assert_eq!(size_of(1, 4096), Some(4096));
        assert_eq!(size_of(4096, 64), Some(4096));
        assert_eq!(size_of(4097, 64), None, "large blocks are aligned to pages");
        assert_eq!(size_of(1, 8192), None);
    }
}
