//! What every test kernel of an exercise needs: the serial port, the end of the
//! machine, and checks with names.
//!
//! Like step 1 and the tests of step 8. A check that fails panics, which ends the
//! machine with status 101; after the last one it ends with status 0.

use core::any::type_name_of_val;
use core::fmt::{Arguments, Write};
use core::panic::PanicInfo;

use uart_16550::backend::PioBackend;
use uart_16550::{Config, Uart16550, Uart16550Tty};
use x86_64::instructions::hlt;
use x86_64::instructions::port::Port;

// --- Speaking ---------------------------------------------------------------

/// The first serial port of a PC.
const COM1: u16 = 0x3f8;

/// The first serial port, as a place to write text.
fn serial() -> Uart16550Tty<PioBackend> {
    // SAFETY: these eight I/O ports are the serial port's, and only this file uses it.
    let port = unsafe { Uart16550::new_port(COM1) };
    Uart16550Tty::from_inner(port.expect("a port number that exists"))
}

/// Prints a line: `say(format_args!("frame {frame}"))`.
pub(crate) fn say(line: Arguments) {
    writeln!(serial(), "{line}").expect("the serial port takes all text");
}

// --- Ending -----------------------------------------------------------------

/// The statuses that an exercise ends with.
const SUCCESS: u32 = 0;
const PANICKED: u32 = 101;

/// Ends the machine. QEMU's exit device listens at port 0xf4.
fn exit(status: u32) -> ! {
    let mut device = Port::<u32>::new(0xf4);
    // SAFETY: nothing but the exit device is at this port.
    unsafe { device.write(0x10 + status) };
    loop {
        hlt(); // a machine without the device: sleep for ever
    }
}

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    say(format_args!("{info}"));
    exit(PANICKED)
}

// --- Checks -----------------------------------------------------------------

/// A function whose name says what must be true.
pub(crate) trait Check {
    fn run(&self);
}

impl<F: Fn()> Check for F {
    fn run(&self) {
        self();
        passed(self);
    }
}

/// Runs all checks, and ends the machine.
pub(crate) fn run(checks: &[&dyn Check]) -> ! {
    let result = serial().inner_mut().init(Config::default());
    result.expect("a serial port that answers");
    say(format_args!("running {} tests", checks.len()));
    checks.iter().for_each(|check| check.run());
    finish(checks.len())
}

/// Says that a check passed.
pub(crate) fn passed<F: Fn()>(check: &F) {
    say(format_args!("test {} ... ok", type_name_of_val(check)));
}

/// Says that all checks passed, and ends the machine.
pub(crate) fn finish(checks: usize) -> ! {
    say(format_args!("test result: ok. {checks} passed; 0 failed; 0 ignored"));
    exit(SUCCESS)
}
