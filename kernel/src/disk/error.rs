//! Why a page was not read or written: on which disk, at which sector, and what
//! would be right.

use core::error::Error;
use core::fmt;

use super::{Which, page_of};

/// A page that was not read or not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskError {
    /// The disk.
    pub disk: Which,
    /// The first sector of the page.
    pub sector: u64,
    /// What is wrong.
    pub cause: Cause,
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The machine has no such disk.
    Missing,
    /// The disk ends before the page does.
    PastEnd {
        /// How many sectors it has.
        sectors: u64,
    },
    /// The disk may only be read.
    ReadOnly,
    /// The disk is at work for somebody who was interrupted: this is a fault in a fault.
    Busy,
    /// As many reads are under way as can be.
    Full,
    /// The device says that it could not do it.
    Failed,
    /// The device says that it cannot do such a thing.
    Unsupported,
    /// The device gave this status, which means nothing.
    Unknown(u8),
}

impl fmt::Display for DiskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            disk,
            sector,
            cause,
        } = self;
        write!(f, "sector {sector} of the disk `{disk}`: {cause}")
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("the machine has no such disk"),
            Self::PastEnd { sectors } => match page_of(*sectors) {
                0 => write!(f, "the disk has {sectors} sectors, not one page"),
                pages => write!(
                    f,
                    "the disk has {sectors} sectors, so its last page is {}",
                    pages - 1
                ),
            },
            Self::ReadOnly => f.write_str("the disk may only be read"),
            Self::Busy => f.write_str("the disk is at work for what this interrupted"),
            Self::Full => {
                f.write_str("as many reads are under way as can be: wait for one of them")
            }
            Self::Failed => f.write_str("the device reports an input or output error"),
            Self::Unsupported => f.write_str("the device does not know this request"),
            Self::Unknown(status) => write!(f, "the device gave the unknown status {status}"),
        }
    }
}

impl Error for DiskError {}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test_case]
    fn an_error_names_disk_and_sector_and_what_would_be_right() {
        let error = |cause| DiskError {
            disk: Which::Swap,
            sector: 64,
            cause,
        };
        assert_eq!(
            error(Cause::PastEnd { sectors: 64 }).to_string(),
            "sector 64 of the disk `swap`: the disk has 64 sectors, so its last page is 7"
        );
        assert_eq!(
            error(Cause::PastEnd { sectors: 7 }).to_string(),
            "sector 64 of the disk `swap`: the disk has 7 sectors, not one page"
        );
        assert_eq!(
            error(Cause::Failed).to_string(),
            "sector 64 of the disk `swap`: the device reports an input or output error"
        );
    }
}
