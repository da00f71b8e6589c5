//! Programs' files, guided by coverage. Good ones to begin with are the programs:
//!
//! ```text
//! cargo build -p programs
//! cd kernel/executable
//! mkdir -p fuzz/corpus/file
//! head -c 4096 ../../target/x86_64-unknown-none/debug/hello > fuzz/corpus/file/hello
//! cargo fuzz run -s none file -- -max_total_time=300 -max_len=4096
//! ```
#![no_main]

#[path = "../../tests/executable/properties.rs"]
mod properties;

use executable::{Executable, Room};
use libfuzzer_sys::fuzz_target;

const ROOM: Room = Room {
    start: 0x1_0000,
    end: 0x7fff_0000_0000,
    base: 0x5555_5555_4000,
};

/// Bytes of the file. Only its head is looked at, so the rest need not be there.
const SIZE: u64 = 1 << 18;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(executable) = Executable::parse(bytes, SIZE, ROOM) {
        properties::check(&executable, SIZE, ROOM);
    }
});
