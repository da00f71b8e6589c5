//! The Faultline kernel: boot order, top to bottom.
#![no_std]
#![no_main]

use kernel::boot::BootInfo;
use kernel::cpu::exit::{ExitStatus, exit};
use kernel::tour::example;
use kernel::{console, cpu, heap, spaces};

kernel::entry!(main);

fn main(mut boot: BootInfo) -> ! {
    console::init(boot.framebuffer.take());
    log::info!("Faultline {}", env!("CARGO_PKG_VERSION"));

    let features = cpu::init();
    log::info!("processor: {features:?}");

    // SAFETY: once, here, on the boot loader's tables.
    unsafe { spaces::init(&boot, features) }.expect("frames and tables for the kernel");
    // SAFETY: once, here, with memory set up and faults resolved.
    let heap = unsafe { heap::init() }.expect("room for the heap");
    log::info!("heap: {} bytes reserved at {:#x}", heap.size, heap.base);

    example::run();
    exit(ExitStatus::Success)
}
