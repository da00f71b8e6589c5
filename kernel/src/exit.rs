//! How the machine ends, and with which status.
//!
//! QEMU's `isa-debug-exit` device at port 0xf4 turns a written `v` into the
//! process status `(v << 1) | 1`. The kernel writes 0x10 plus its number, so
//! that no status collides with QEMU's own; the runner takes that back.
//! On a machine without the device the kernel says so and halts for good.

use crate::{console, println};
use x86_64::instructions::port::Port;
use x86_64::instructions::{hlt, interrupts};

const DEBUG_EXIT_PORT: u16 = 0xf4;
const FIRST_VALUE: u32 = 0x10;

/// Why the machine ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    /// All went well: 0.
    Success,
    /// The kernel's own number, 0 to 63; a larger one counts as 63.
    Exit(u8),
    /// A panic or a failed test: 101.
    Panic,
    /// A fault or another exception that nobody resolved: 102.
    RefusedFault,
}

impl ExitStatus {
    /// The status that the runner ends with.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Exit(number) if number < 63 => number,
            Self::Exit(_) => 63,
            Self::Panic => 101,
            Self::RefusedFault => 102,
        }
    }
}

/// Ends the machine; never waits for a lock that its caller holds.
pub fn exit(status: ExitStatus) -> ! {
    console::drain();
    let mut port = Port::<u32>::new(DEBUG_EXIT_PORT);
    // SAFETY: The port belongs to the exit device, or to nothing at all.
    unsafe { port.write(FIRST_VALUE + u32::from(status.number())) };

    interrupts::disable();
    println!(
        "halted with status {}: this machine has no exit device",
        status.number()
    );
    loop {
        hlt();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test_case]
    fn the_numbers_are_those_that_the_runner_knows() {
        assert_eq!(ExitStatus::Success.number(), 0);
        assert_eq!(ExitStatus::Exit(7).number(), 7);
        assert_eq!(ExitStatus::Exit(63).number(), 63);
        assert_eq!(ExitStatus::Exit(64).number(), 63);
        assert_eq!(ExitStatus::Panic.number(), 101);
        assert_eq!(ExitStatus::RefusedFault.number(), 102);
    }
}
