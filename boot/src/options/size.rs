//! Sizes of memory and disks, as they are written on the command line.

use line::number::{self, NumberError};

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;

/// Reads a size such as `512M` into bytes, as the guest's prompt does, but for the unit, which
/// must be there.
///
/// # Errors
/// A sentence that shows a right one, for a missing suffix, a bad number or an overflow.
pub fn parse_memory(text: &str) -> Result<u64, String> {
    let wanted = "a size is a whole number with K, M or G, such as 512M";
    if !text.ends_with(['K', 'k', 'M', 'm', 'G', 'g']) {
        return Err(wanted.to_owned());
    }
    number::size(text).map_err(|error| match error {
        NumberError::NotANumber => wanted.to_owned(),
        NumberError::TooLarge => format!("{text} is more than 64 bits can count; {wanted}"),
    })
}

/// Writes a size in bytes with the largest suffix that leaves a whole number.
#[must_use]
pub fn format_memory(bytes: u64) -> String {
    match bytes {
        _ if bytes.is_multiple_of(GIB) && bytes > 0 => format!("{}G", bytes / GIB),
        _ if bytes.is_multiple_of(MIB) => format!("{}M", bytes / MIB),
        _ => format!("{}K", bytes / KIB),
    }
}
