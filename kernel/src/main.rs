//! The Faultline kernel: boot order, top to bottom.
#![no_std]
#![no_main]

use kernel::boot::BootInfo;
use kernel::cpu::exit::{ExitStatus, exit};
use kernel::{console, cpu};

kernel::entry!(main);

fn main(mut boot: BootInfo) -> ! {
    console::init(boot.framebuffer.take());
    log::info!("Faultline {}", env!("CARGO_PKG_VERSION"));

    let features = cpu::init();
    log::info!("processor: {features:?}");

    exit(ExitStatus::Success)
}
