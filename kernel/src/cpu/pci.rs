//! The configuration space of PCI devices, through two ports.
//!
//! ```text
//!  port 0xCF8   bit 31: 1   23..16: bus   15..11: device   10..8: function   7..2: register
//!  port 0xCFC   the 4 bytes there
//! ```
//!
//! PCI Local Bus Specification 3.0, section 3.2.2.3.2. Every PC has these ports;
//! the newer way, through memory, is missing in the chipset of 1996.

use x86_64::instructions::interrupts::without_interrupts;
use x86_64::instructions::port::Port;

const ADDRESS_PORT: u16 = 0xcf8;
const DATA_PORT: u16 = 0xcfc;

/// Where 4 bytes of a device's configuration lie, as the first port takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Register(u32);

impl Register {
    /// The register at byte `offset`, which is rounded down to a multiple of 4.
    /// Devices are numbered up to 31, their functions up to 7.
    #[must_use]
    pub const fn new(bus: u8, device: u8, function: u8, offset: u8) -> Self {
        let place = (bus as u32) << 16
            | ((device & 31) as u32) << 11
            | ((function & 7) as u32) << 8
            | (offset & 0xfc) as u32;
        Self(1 << 31 | place)
    }

    /// What it holds; all bits are set where no device is.
    #[must_use]
    pub fn read(self) -> u32 {
        // SAFETY: reading a configuration register has no side effects.
        without_interrupts(|| unsafe {
            Port::new(ADDRESS_PORT).write(self.0);
            Port::new(DATA_PORT).read()
        })
    }

    /// Writes it.
    ///
    /// # Safety
    ///
    /// What the device does from then on breaks no memory that is in use: its
    /// registers do not come to lie over it, and it writes only where it may.
    pub unsafe fn write(self, value: u32) {
        // SAFETY: as the caller vouches.
        without_interrupts(|| unsafe {
            Port::new(ADDRESS_PORT).write(self.0);
            Port::new(DATA_PORT).write(value);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test_case]
    fn the_host_bridge_is_intels_and_where_no_device_is_all_bits_are_set() {
        assert_eq!(Register::new(0, 0, 0, 0).read() & 0xffff, 0x8086);
        assert_eq!(Register::new(255, 31, 7, 0).read(), u32::MAX);
    }

    #[test_case]
    fn the_parts_of_an_address_lie_beside_each_other() {
        assert_eq!(Register::new(1, 2, 3, 0x47), Register(0x8001_1344));
        assert_eq!(Register::new(0, 32, 8, 0), Register(1 << 31));
    }
}
