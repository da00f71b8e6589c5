//! QEMU's firmware configuration device: named files from outside the machine.
//!
//! A 16-bit key written to the selector port chooses an item; each read of the
//! data port gives its next byte (QEMU's documentation, "QEMU Firmware
//! Configuration (fw_cfg) Device"). Machines without it answer with other
//! bytes than the signature, and then there are no files.

use x86_64::instructions::port::{PortReadOnly, PortWriteOnly};

const SELECTOR_PORT: u16 = 0x510;
const DATA_PORT: u16 = 0x511;

const SIGNATURE: u16 = 0x0000;
const DIRECTORY: u16 = 0x0019;

/// Files that a directory may hold before it is taken for garbage.
const MAX_FILES: u32 = 1024;

/// Reads the file `name` into the front of `buffer` and returns its full size in bytes.
///
/// When the size is larger than `buffer`, the rest was left out. `None` when
/// there is no such file, or no such device.
pub fn read_file(name: &str, buffer: &mut [u8]) -> Option<usize> {
    select(SIGNATURE);
    if &take::<4>() != b"QEMU" {
        return None;
    }
    let (key, size) = find(name)?;
    select(key);
    for byte in buffer.iter_mut().take(size) {
        [*byte] = take::<1>();
    }
    Some(size)
}

/// The key and the size of a file, from the directory.
fn find(name: &str) -> Option<(u16, usize)> {
    select(DIRECTORY);
    let count = u32::from_be_bytes(take());
    for _ in 0..count.min(MAX_FILES) {
        let size = u32::from_be_bytes(take());
        let key = u16::from_be_bytes(take());
        let _reserved: [u8; 2] = take();
        let entry: [u8; 56] = take();
        let length = entry.iter().position(|&byte| byte == 0).unwrap_or(56);
        if &entry[..length] == name.as_bytes() {
            return Some((key, size as usize));
        }
    }
    None
}

fn select(key: u16) {
    // SAFETY: The port selects what the data port gives, and nothing else.
    unsafe { PortWriteOnly::new(SELECTOR_PORT).write(key) }
}

fn take<const N: usize>() -> [u8; N] {
    let mut port = PortReadOnly::<u8>::new(DATA_PORT);
    // SAFETY: Reading moves on inside the chosen item; past its end it gives 0.
    core::array::from_fn(|_| unsafe { port.read() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test_case]
    fn a_file_that_does_not_exist_is_not_found() {
        let mut buffer = [0xaa; 4];
        assert_eq!(read_file("opt/faultline/no-such-file", &mut buffer), None);
        assert_eq!(buffer, [0xaa; 4]);
    }
}
