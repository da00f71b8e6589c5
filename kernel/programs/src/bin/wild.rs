//! One wrong access of each kind, each in a child: which signal ends it?
#![no_std]
#![no_main]

use core::arch::asm;

use programs::pages::{Object, Pages};
use programs::process::{KILL, Signal, TERMINATE};
use programs::{Arguments, calls, println, process, program};

program!(main);

/// A page whose first bytes are never mapped for a program.
const NULL: usize = 0x10;
/// Where the kernel's half begins.
const KERNEL: usize = 0xffff_8000_0000_0000;
/// Bit 47 is set, and those above it are not.
const NOT_CANONICAL: usize = 0x0000_8000_0000_0000;

fn main(_: Arguments) -> u8 {
    let data = Pages::anonymous(1, 0).expect("mmap");
    data.write(0, 1);
    let constant = Pages::anonymous(1, 0).expect("mmap");
    constant.protect(0, calls::READ).expect("mprotect");
    let none = Pages::anonymous(1, 0).expect("mmap");
    none.protect(0, 0).expect("mprotect");
    let object = Object::new(1).expect("memfd_create");
    let longer = Pages::of(&object, 2, calls::SHARED).expect("mmap");
    let past = longer.start() + 4096;
    let gone = Pages::anonymous(1, 0).expect("mmap");
    let gone = gone.unmap().expect("munmap");

    in_child("read of the null page", || read(NULL));
    in_child("write to the null page", || write(NULL));
    in_child("jump to the null page", || jump(NULL));
    in_child("read where a mapping was", || read(gone));
    in_child("write to a page for reading", || write(constant.start()));
    in_child("read of a page without rights", || read(none.start()));
    in_child("write to the program's code", || {
        write(main as *const () as usize)
    });
    in_child("jump to data", || jump(data.start()));
    in_child("read in the kernel's half", || read(KERNEL));
    in_child("write in the kernel's half", || write(KERNEL));
    in_child("jump to the kernel's half", || jump(KERNEL));
    in_child("read of an address that is none", || read(NOT_CANONICAL));
    in_child("jump to an address that is none", || jump(NOT_CANONICAL));
    in_child("read past the end of an object", || read(past));
    in_child("instruction of the kernel", privileged);
    in_child("undefined instruction", undefined);
    in_child("division by zero", divide);
    in_child("breakpoint", breakpoint);
    in_child("SIGTERM to itself", || signal(TERMINATE));
    in_child("SIGKILL to itself", || signal(KILL));
    in_child("nothing wrong", || read(data.start()));
    0
}

fn in_child(what: &str, wrong: impl FnOnce()) {
    let child = process::fork(|| {
        wrong();
        0
    });
    let ended = child.expect("fork").wait().expect("wait4");
    println!("{what}: {ended}");
}

fn signal(signal: Signal) {
    let this = calls::process().expect("getpid");
    calls::kill(this, signal.0.into()).expect("kill");
}

fn read(address: usize) {
    // SAFETY: no Rust value is read. Where there is nothing, the program ends.
    unsafe { asm!("mov {0}, [{0}]", inout(reg) address => _, options(nostack, readonly)) };
}

fn write(address: usize) {
    // SAFETY: nothing may be written there, so the program ends.
    unsafe { asm!("mov byte ptr [{}], 0", in(reg) address, options(nostack)) };
}

fn jump(address: usize) {
    // SAFETY: nothing there may run, so the program ends.
    unsafe { asm!("jmp {}", in(reg) address, options(noreturn)) };
}

fn privileged() {
    // SAFETY: a program may not halt the processor, so the program ends.
    unsafe { asm!("hlt", options(nomem, nostack)) };
}

fn undefined() {
    // SAFETY: there is no such instruction, so the program ends.
    unsafe { asm!("ud2", options(nomem, nostack)) };
}

fn divide() {
    // SAFETY: there is no result, so the program ends.
    unsafe {
        asm!(
            "div {0:e}",
            in(reg) 0,
            inout("eax") 1 => _,
            inout("edx") 0 => _,
            options(nomem, nostack)
        );
    }
}

fn breakpoint() {
    // SAFETY: nobody debugs the child, so the program ends.
    unsafe { asm!("int3", options(nomem, nostack)) };
}
