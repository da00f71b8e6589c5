//! Where an address lies, in words. The simulator has this file, too.

use core::fmt;

use memory::space::{Half, Region};
use memory::words::Count;
use x86_64::VirtAddr;

/// Where an address lies: the region that holds it, or its nearest neighbours.
#[derive(Debug, Clone, Copy)]
pub struct Whereabouts {
    address: VirtAddr,
    here: Option<Region>,
    below: Option<Region>,
    above: Option<Region>,
}

impl Whereabouts {
    /// Looks `address` up in its half.
    #[must_use]
    pub fn of(half: &Half, address: VirtAddr) -> Self {
        Self {
            address,
            here: half.region_at(address),
            below: half.region_below(address),
            above: half.region_above(address),
        }
    }
}

impl fmt::Display for Whereabouts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.address.as_u64();
        if let Some(region) = self.here {
            return match self.address - region.base {
                0 => write!(f, "the first byte of {}", Named(region)),
                offset => write!(f, "{} into {}", Count(offset, "byte"), Named(region)),
            };
        }
        match self.below {
            Some(region) => write!(
                f,
                "{} past the end of {}",
                Count(address - region.end(), "byte"),
                Named(region)
            )?,
            None => f.write_str("below every region of its half")?,
        }
        if let Some(region) = self.above {
            let distance = Count(region.base - self.address, "byte");
            write!(f, ", {distance} before {}", Named(region))?;
        }
        Ok(())
    }
}

/// A region in one phrase.
pub(crate) struct Named(pub(crate) Region);

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Region { label, backing, .. } = self.0;
        let name = if label.is_empty() { "a region" } else { label };
        write!(f, "{name} ({backing}, ")?;
        if let Some(rights) = self.0.allowed() {
            write!(f, "{rights}, ")?;
        }
        write!(f, "{:#x}..{:#x})", self.0.base.as_u64(), self.0.end())
    }
}
