//! Addresses and sizes, as they are printed and can be typed.

use core::fmt;

use x86_64::VirtAddr;

/// An address as all of them are printed: `0x` and as many digits as it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address(pub u64);

impl From<VirtAddr> for Address {
    fn from(address: VirtAddr) -> Self {
        Self(address.as_u64())
    }
}

impl From<x86_64::PhysAddr> for Address {
    fn from(address: x86_64::PhysAddr) -> Self {
        Self(address.as_u64())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// A number of bytes in the largest unit that leaves no rest, as it would be typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size(pub u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            bytes if bytes == 0 || bytes % (1 << 10) != 0 => write!(f, "{bytes}"),
            bytes if bytes % (1 << 20) != 0 => write!(f, "{}K", bytes >> 10),
            bytes if bytes % (1 << 30) != 0 => write!(f, "{}M", bytes >> 20),
            bytes => write!(f, "{}G", bytes >> 30),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test_case]
    fn sizes_are_told_as_they_would_be_typed() {
        let told =
            [0, 1, 4096, 6000, 3 << 19, 1 << 21, 5 << 30].map(|bytes| Size(bytes).to_string());
        assert_eq!(told, ["0", "1", "4K", "6000", "1536K", "2M", "5G"]);
    }

    #[test_case]
    fn addresses_have_no_leading_zeros() {
        assert_eq!(Address(0x10005).to_string(), "0x10005");
        let highest = VirtAddr::new(0xffff_8000_0000_0000);
        assert_eq!(Address::from(highest).to_string(), "0xffff800000000000");
    }
}
