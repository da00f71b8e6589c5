//! The search for disks: block devices on the first PCI bus, each known by the
//! serial number that it was given.
//!
//! What must always hold: a device is asked to write to memory only when its
//! driver says where. Its interrupt stays switched off: whoever needs an answer looks for it.

use core::fmt;

use virtio_drivers::transport::DeviceType;
use virtio_drivers::transport::pci::bus::{Command, ConfigurationAccess, DeviceFunction, PciRoot};
use virtio_drivers::transport::pci::{PciTransport, VirtioPciError, virtio_device_type};

use super::device::Device;
use super::dma::Dma;
use super::error::Cause;
use crate::cpu::pci::Register;

/// The configuration of PCI devices, through the ports of every PC.
struct Ports;

impl ConfigurationAccess for Ports {
    fn read_word(&self, place: DeviceFunction, offset: u8) -> u32 {
        Register::new(place.bus, place.device, place.function, offset).read()
    }

    fn write_word(&mut self, place: DeviceFunction, offset: u8, value: u32) {
        let register = Register::new(place.bus, place.device, place.function, offset);
        // SAFETY: the crate writes the command register, as it is told below,
        // and addresses to find their sizes out, which it puts back.
        unsafe { register.write(value) }
    }

    unsafe fn unsafe_clone(&self) -> Self {
        Self
    }
}

/// Why a device is no disk that can be used.
#[derive(Debug)]
pub(super) enum OpenError {
    /// It has no registers, or other ones than a device of this kind.
    Registers(VirtioPciError),
    /// It could not be set to work.
    Start(virtio_drivers::Error),
    /// It does not tell its serial number.
    Serial(Cause),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registers(error) => write!(f, "its registers are not usable: {error}"),
            Self::Start(error) => write!(f, "it cannot be set to work: {error}"),
            Self::Serial(cause) => write!(f, "it does not tell its serial number: {cause}"),
        }
    }
}

/// Opens the block devices of the first bus, and hands each to `found` with its
/// place and its serial number.
pub(super) fn each_disk(
    mut found: impl FnMut(DeviceFunction, Result<(Device, [u8; 20]), OpenError>),
) {
    let mut root = PciRoot::new(Ports);
    for (place, info) in root.enumerate_bus(0) {
        if virtio_device_type(&info) == Some(DeviceType::Block) {
            found(place, open(&mut root, place));
        }
    }
}

fn open(root: &mut PciRoot<Ports>, place: DeviceFunction) -> Result<(Device, [u8; 20]), OpenError> {
    let (_, command) = root.get_status_command(place);
    let needed = Command::MEMORY_SPACE | Command::BUS_MASTER | Command::INTERRUPT_DISABLE;
    root.set_command(place, command | needed);
    let transport = PciTransport::new::<Dma, _>(root, place).map_err(OpenError::Registers)?;
    let mut device = Device::new(transport).map_err(OpenError::Start)?;
    let serial = device.serial().map_err(OpenError::Serial)?;
    Ok((device, serial))
}
