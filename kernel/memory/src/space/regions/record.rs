//! What is kept of a region.

use x86_64::structures::idt::PageFaultErrorCode;
use x86_64::structures::paging::PageTableFlags;

use super::row::{Span, Spanned};
use crate::features::Features;
use crate::space::region::Region;

/// A region, and beside it what the fault path needs of it, worked out beforehand.
///
/// In C's order: the region's base and size come first.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) region: Region,
    /// The flags of a leaf that gives all that the region gives.
    pub(crate) rights: PageTableFlags,
    /// The bits of an error code that the region refuses whatever is mapped.
    pub(crate) refused: PageFaultErrorCode,
}

impl Record {
    /// The record of a region in a half, on a processor of these features.
    pub(crate) fn new(region: Region, features: Features, is_kernel: bool) -> Self {
        Self {
            rights: region.leaf_flags(features, is_kernel),
            refused: region.refused(),
            region,
        }
    }

    /// The first address of the region.
    #[inline]
    pub(crate) fn base(&self) -> u64 {
        self.region.base.as_u64()
    }

    /// The last address of the region, which may be the last one there is.
    #[inline]
    pub(crate) fn last(&self) -> u64 {
        self.base().wrapping_add(self.region.size).wrapping_sub(1)
    }

    /// True if `address` lies in the region.
    #[inline]
    pub(crate) fn contains(&self, address: u64) -> bool {
        address.wrapping_sub(self.base()) < self.region.size
    }
}

impl Spanned for Record {
    fn span(&self) -> Span {
        Span {
            base: self.base(),
            last: self.last(),
            gap: 0,
        }
    }
}
