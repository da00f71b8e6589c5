//! Checks of exercise 8a: NX: data must not run. The task is in `start.rs`.
#![no_std]
#![no_main]
#![feature(abi_x86_interrupt)]

#[cfg_attr(not(feature = "solutions"), path = "start.rs")]
#[cfg_attr(feature = "solutions", path = "solution.rs")]
mod exercise;
#[path = "../kit.rs"]
mod kit;
#[path = "../machine.rs"]
mod machine;

use core::mem::transmute;

use bootloader_api::{BootInfo, entry_point};
use spin::Mutex;
use x86_64::VirtAddr;
use x86_64::instructions::tlb;
use x86_64::structures::idt::PageFaultErrorCode;
use x86_64::structures::paging::PageTableFlags;

use exercise::{REGIONS, Refusal, resolve};
use machine::{DIRECT_MAP, FRAMES, byte, entry, faults};

entry_point!(main, config = &machine::CONFIG);

fn main(boot: &'static mut BootInfo) -> ! {
    machine::init(&boot.memory_regions, handler);
    kit::run(&[&code_runs, &a_heap_can_be_written_and_read, &a_byte_of_the_heap_does_not_run])
}

static REFUSED: Mutex<Option<Refusal>> = Mutex::new(None);

/// A fetch that is refused is noted, and allowed then, so that it can end.
fn handler(address: u64, code: PageFaultErrorCode) {
    let mut frames = FRAMES.lock();
    match resolve(address, code, &mut frames) {
        Ok(()) => {}
        Err(Refusal::NotExecutable) => {
            *REFUSED.lock() = Some(Refusal::NotExecutable);
            let entry = entry(address, &mut frames).expect("tables that are there");
            entry.set_flags(entry.flags() - PageTableFlags::NO_EXECUTE);
            tlb::flush(VirtAddr::new(address));
        }
        Err(refusal) => panic!("refused: {refusal:?}, {code:?} at {address:#x}"),
    }
}

/// The instruction RET, which returns from a function at once.
const RET: u8 = 0xc3;

/// Calls the byte at an address. Returns why the fetch was refused, if it was.
fn run(address: u64) -> Option<Refusal> {
    // SAFETY: the byte is RET, which is a whole function.
    let function: extern "C" fn() = unsafe { transmute(address as *const ()) };
    function();
    REFUSED.lock().take()
}

fn code_runs() {
    let address = REGIONS[1].addresses.start;
    assert_eq!(byte(address).read(), 0); // now the page is there, and is not writable
    let entry = entry(address, &mut FRAMES.lock()).expect("tables that are there");
    byte(DIRECT_MAP + entry.addr().as_u64()).write(RET);
    assert_eq!(run(address), None, "the region of code is executable");
    let write = PageFaultErrorCode::CAUSED_BY_WRITE;
    assert_eq!(resolve(address, write, &mut FRAMES.lock()), Err(Refusal::NotWritable));
}

fn a_heap_can_be_written_and_read() {
    let address = REGIONS[0].addresses.start;
    let before = faults();
    byte(address).write(RET);
    assert_eq!((byte(address).read(), faults() - before), (RET, 1));
}

fn a_byte_of_the_heap_does_not_run() {
    let address = REGIONS[0].addresses.start + 0x1000;
    byte(address).write(RET);
    assert_eq!(
        run(address),
        Some(Refusal::NotExecutable),
        "a byte was written into the heap, and the processor ran it without a page fault"
    );
}
