//! Words to the console.

use super::super::{Process, user};
use super::Errno;
use crate::console;
use crate::cpu::access::read_program;

/// The descriptors that are the console: standard output and standard error.
const CONSOLE: [u64; 2] = [1, 2];

/// Bytes that are read at once.
const CHUNK: usize = 256;

/// `write(descriptor, bytes, count)`: returns how many bytes were written.
#[inline(never)]
pub(super) fn write(process: &Process) -> Result<u64, Errno> {
    let [descriptor, bytes, count, ..] = process.arguments();
    if !CONSOLE.contains(&descriptor) {
        return Err(Errno::BAD_FILE);
    }
    let mut written = 0;
    while written < count {
        let mut chunk = [0; CHUNK];
        let wanted = (count - written).min(CHUNK as u64) as usize;
        let there = read_program(bytes.saturating_add(written), &mut chunk[..wanted]);
        if there == 0 {
            break;
        }
        let is_last = there < wanted || written + there as u64 == count;
        let whole = if is_last {
            there
        } else {
            whole_characters(&chunk[..there])
        };
        console::print(format_args!("{}", Lossy(&chunk[..whole])));
        written += whole as u64;
    }
    match (written, count) {
        (0, 1..) => Err(user::BadAddress.into()),
        _ => Ok(written),
    }
}

/// How many bytes there are without a character that is cut off at the end.
fn whole_characters(bytes: &[u8]) -> usize {
    match core::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        _ => bytes.len(),
    }
}

/// Bytes as text; what is none is shown as such.
struct Lossy<'a>(&'a [u8]);

impl core::fmt::Display for Lossy<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        for chunk in self.0.utf8_chunks() {
            f.write_str(chunk.valid())?;
            if !chunk.invalid().is_empty() {
                f.write_str("\u{fffd}")?;
            }
        }
        Ok(())
    }
}
