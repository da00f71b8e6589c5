//! Where the contents of a file lie in the archive, and how its headers are found
//! where the archive lies on a disk, of which not all is to be read.

use core::ops::Range;

use tar_no_std::TarFormatString;

use crate::BLOCK;

/// A part of the archive's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The first byte; it begins a block.
    pub start: usize,
    /// How many there are.
    pub size: usize,
}

impl Place {
    /// The numbers of its bytes.
    #[must_use]
    pub const fn range(self) -> Range<usize> {
        self.start..self.start + self.size
    }
}

/// How many blocks lie between a header and the next; `None` behind the last one, or where
/// no header can be that [`Archive::new`](crate::Archive::new) lets through.
#[must_use]
pub fn blocks_to_next(header: &[u8; BLOCK]) -> Option<usize> {
    const SIZE: Range<usize> = 124..136;
    const KIND: usize = 156;
    match header[KIND] {
        0 if header.iter().all(|byte| *byte == 0) => None,
        b'0' | 0 => {
            let size = header[SIZE].try_into().ok()?;
            let size = TarFormatString::<{ SIZE.end - SIZE.start }>::new(size);
            let digits = size.as_str_until_first_space().ok()?;
            let size = usize::from_str_radix(digits, 8).ok()?;
            Some(1 + size.div_ceil(BLOCK))
        }
        // Of a folder and of a link the header is all there is.
        b'2' | b'5' => Some(1),
        _ => None,
    }
}
