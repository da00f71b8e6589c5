//! Step 2: what memory there is.
//!
//! The boot loader's list of physical memory, and how many frames of it can be
//! used. In the book: `docs/build/2-what-memory-there-is.md`.
#![no_std]
#![no_main]

use core::fmt::Write;
use core::panic::PanicInfo;

use bootloader_api::info::{MemoryRegion, MemoryRegionKind};
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

// --- What memory there is ----------------------------------------------------

/// The size of a frame (of physical memory) and of a page (of virtual memory), in bytes.
const PAGE_SIZE: u64 = 4096;

/// Below 1 MiB, firmware and old devices have their memory, listed or not.
const FIRST_FRAME: u64 = 0x10_0000 / PAGE_SIZE;

/// Whether a frame can be used: a region of usable memory holds all of it, and
/// no region of another kind holds any of it. In doubt, a frame is not usable.
fn is_usable(frame: u64, regions: &[MemoryRegion]) -> bool {
    let (start, end) = (frame * PAGE_SIZE, (frame + 1) * PAGE_SIZE);
    let mut inside = false;
    for region in regions {
        if region.kind == MemoryRegionKind::Usable {
            inside |= region.start <= start && end <= region.end;
        } else if region.start < end && start < region.end {
            return false;
        }
    }
    inside && frame >= FIRST_FRAME
}

/// One more than the last frame of usable memory.
fn frame_limit(regions: &[MemoryRegion]) -> u64 {
    let usable = regions.iter().filter(|region| region.kind == MemoryRegionKind::Usable);
    usable.map(|region| region.end / PAGE_SIZE).max().unwrap_or(0)
}

// --- The beginning ----------------------------------------------------------

entry_point!(main);

fn main(boot: &'static mut BootInfo) -> ! {
    init_serial();
    println!("step 2: what memory there is");

    let regions: &[MemoryRegion] = &boot.memory_regions;
    for region in regions {
        let size = (region.end - region.start) / 1024;
        println!("{:#014x}..{:#014x} {size:>9} KiB  {:?}", region.start, region.end, region.kind);
    }

    let limit = frame_limit(regions);
    let usable = (0..limit).filter(|frame| is_usable(*frame, regions)).count();
    println!("frames below the end of usable memory: {limit}");
    println!("frames that can be used: {usable}");
    exit(SUCCESS)
}
