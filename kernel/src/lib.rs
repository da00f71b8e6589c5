//! Everything of Faultline that touches the machine.
//!
//! The layers, bottom to top; each uses only those above it in this list:
//!
//! | module | is |
//! |---|---|
//! | [`layout`], [`stack`], [`lock`] | what lies where, the stacks that are known, locks in order |
//! | [`cpu`] | descriptors, exception entry, control registers, TLB, ports; all inline assembly |
//! | [`command_line`], [`boot`] | what the runner and the boot loader hand over |
//! | [`console`], [`mod@exit`] | the first serial port, the screen, the log; how the machine ends |
//! | [`image`], [`physical`], [`kernel_half`] | from what the loader left to the kernel's own tables |
//! | [`spaces`], [`heap`] | the machine's memory behind its locks |
//! | [`disk`] | pages on virtio disks: read and written, at once or while others run |
//! | [`files`] | the archive of files that the runner packs |
//! | [`swap`] | pages that are on a disk for a while |
//! | [`growing`] | mappings that grow downwards when they are touched below |
//! | [`fault`], [`report`] | from a page fault to its answer, or to a report and the end |
//! | [`interrupts`], [`handlers`] | the serial port's interrupt; who answers exceptions and interrupts |
//! | [`process`] | programs: who runs next, system calls, a program's memory |
//! | [`account`], [`picture`] | what work on memory costs, and memory as blocks and bars |
//! | [`dashboard`] | the screen that shows memory |
//! | [`mod@bench`] | what the kernel's operations cost, in instructions |
//! | [`crash`], [`tour`] | faults on purpose; demonstrations that explain while they run |
//! | [`monitor`] | the console that people drive the machine with |
//! | [`testing`], [`panic`](mod@panic) | the test framework; the end of a kernel that went wrong |
//! | [`start`] | the first lines of every kernel: [`entry!`], [`test_kernel!`] |
//!
//! The stubs in [`cpu::entry`] call up into [`fault`], [`report`] and
//! [`interrupts`] without knowing them: [`handlers`] connects the two. What
//! memory is, the `memory` crate decides; this crate asks the processor and does
//! what `memory` answers.
//! The book, `docs/README.md`, leads through all of it, from chapter 1 on.
#![no_std]
#![feature(allocator_api)]
#![cfg_attr(test, no_main)]
#![cfg_attr(test, feature(custom_test_frameworks))]
#![cfg_attr(test, test_runner(crate::testing::run))]
#![cfg_attr(
    test,
    allow(unreachable_pub, reason = "#[test_case] makes every test public")
)]
#![cfg_attr(test, reexport_test_harness_main = "test_main")]

extern crate alloc;

pub mod account;
pub mod bench;
pub mod boot;
pub mod command_line;
pub mod console;
pub mod cpu;
pub mod crash;
pub mod dashboard;
pub mod disk;
pub mod exit;
pub mod fault;
pub mod files;
pub mod growing;
pub mod handlers;
pub mod heap;
pub mod image;
pub mod interrupts;
pub mod kernel_half;
pub mod layout;
pub mod lock;
pub mod monitor;
pub mod panic;
pub mod physical;
pub mod picture;
pub mod process;
pub mod report;
pub mod spaces;
pub mod stack;
pub mod start;
pub mod swap;
pub mod testing;
pub mod tour;

#[cfg(test)]
test_kernel!(test_main);
