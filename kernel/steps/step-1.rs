//! Step 1: it speaks.
//!
//! A kernel that prints a line on the serial port and ends the machine with a
//! status. In the book: `docs/build/1-it-speaks.md`.
#![no_std]
#![no_main]

use core::fmt::Write;
use core::panic::PanicInfo;

use bootloader_api::{BootInfo, entry_point};
use uart_16550::backend::PioBackend;
use uart_16550::{Config, Uart16550, Uart16550Tty};
use x86_64::instructions::hlt;
use x86_64::instructions::port::Port;

// --- Speaking ---------------------------------------------------------------

/// The first serial port of a PC.
const COM1: u16 = 0x3f8;

/// The first serial port, as a place to write text.
fn serial() -> Uart16550Tty<PioBackend> {
    // SAFETY: these eight I/O ports are the serial port's, and only this kernel uses it.
    let port = unsafe { Uart16550::new_port(COM1) };
    Uart16550Tty::from_inner(port.expect("a port number that exists"))
}

/// Sets the serial port up: speed, word length, queues.
fn init_serial() {
    let result = serial().inner_mut().init(Config::default());
    result.expect("a serial port that answers");
}

/// Like `println!` of the standard library, on the serial port.
macro_rules! println {
    ($($words:tt)*) => {
        writeln!(serial(), $($words)*).expect("the serial port takes all text")
    };
}

// --- Ending -----------------------------------------------------------------

/// The statuses that this kernel ends with.
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
    println!("{info}");
    exit(PANICKED)
}

// --- The beginning ----------------------------------------------------------

entry_point!(main);

fn main(boot: &'static mut BootInfo) -> ! {
    init_serial();
    println!("step 1: it speaks");
    let version = boot.api_version;
    println!(
        "the boot loader is bootloader 0.{}.{}",
        version.version_minor(),
        version.version_patch()
    );
    println!("the stack has {} bytes", boot.kernel_stack_len);
    exit(SUCCESS)
}
