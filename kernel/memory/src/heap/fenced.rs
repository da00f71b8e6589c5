//! Where a block lies that has pages of its own: at their end, so that the
//! first byte past it is on the next page, where nothing is mapped.

use core::alloc::Layout;

use super::source::PAGE;

/// The pages of one block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fenced {
    /// Bytes of the pages: a positive multiple of [`PAGE`].
    pub size: usize,
    /// What the first page's address is a multiple of, in bytes; at least [`PAGE`].
    pub align: usize,
    /// Where in the pages the block begins. Behind its end there are fewer
    /// bytes than its alignment.
    pub offset: usize,
}

impl Fenced {
    /// The pages for a block of this layout; `None` if no address space has so many.
    #[must_use]
    pub const fn of(layout: Layout) -> Option<Self> {
        let bytes = if layout.size() == 0 { 1 } else { layout.size() };
        let Some(size) = bytes.checked_next_multiple_of(PAGE) else {
            return None;
        };
        let align = layout.align();
        Some(Self {
            size,
            align: if align > PAGE { align } else { PAGE },
            offset: (size - bytes) & !(align - 1),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_ends_less_than_its_alignment_before_the_end_of_its_pages() {
        for shift in 0..22 {
            for size in [0, 1, 7, 100, 4095, 4096, 4097, 10_000] {
                let layout = Layout::from_size_align(size, 1 << shift).unwrap();
                let fenced = Fenced::of(layout).unwrap();
                assert!(fenced.size.is_multiple_of(PAGE) && fenced.align.is_multiple_of(PAGE));
                assert!(fenced.align.is_multiple_of(layout.align()));
                assert!(fenced.offset.is_multiple_of(layout.align()));
                let end = fenced.offset + size.max(1);
                assert!(end <= fenced.size && fenced.size - end < layout.align());
                assert!(fenced.size - size < 2 * PAGE);
            }
        }
    }

    #[test]
    fn a_layout_that_no_pages_hold_has_none() {
        let layout = Layout::from_size_align(isize::MAX as usize, 1).unwrap();
        assert!(Fenced::of(layout).is_some());
        assert_eq!(Fenced::of(layout).unwrap().size, 1 << 63);
    }
}
