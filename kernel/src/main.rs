//! The Faultline kernel: boot order, top to bottom.
//!
//! In the book: chapter 1, `docs/01-booting.md`.
#![no_std]
#![no_main]

use kernel::boot::BootInfo;
use kernel::exit::{ExitStatus, exit};
use kernel::monitor::start;
use kernel::{bench, command_line, console, cpu, crash, dashboard, disk};
use kernel::{handlers, heap, interrupts, spaces, swap};

kernel::entry!(main);

/// On the boot loader's tables and stack.
fn main(mut boot: BootInfo) -> ! {
    console::init(boot.framebuffer.take(), dashboard::page);
    log::info!("Faultline {}", env!("CARGO_PKG_VERSION"));

    let features = cpu::init(&handlers::STUBS);
    log::info!("processor: {features:?}");

    // SAFETY: once, here, on the boot loader's tables; what follows uses
    // nothing of the loader's.
    let Err(error) = unsafe { spaces::init(boot, features, with_memory) };
    panic!("the machine's memory cannot be set up: {error:?}");
}

/// On the kernel's own tables and stack.
fn with_memory() -> ! {
    let heap = heap::init().expect("room for the heap");
    log::info!(
        "heap: {} bytes reserved at {:#x}",
        heap.size(),
        heap.start()
    );
    spaces::make_rooms().expect("room on the heap");
    interrupts::init();
    disk::init();
    swap::init();

    let words = command_line::get();
    if let Some(name) = words.value("crash") {
        crash::run(name)
    }
    if words.has("bench") && !words.has("tour") {
        let result = bench::run();
        exit(result.map_or(ExitStatus::Exit(1), |()| ExitStatus::Success))
    }
    dashboard::init();
    start::tour(&words);
    exit(start::monitor())
}
