//! Everything of Faultline that touches the machine.
//!
//! The layers, bottom to top; each uses only those above it in this list:
//!
//! | module | is |
//! |---|---|
//! | [`cpu`] | descriptors, exception entry, control registers, TLB, ports; all inline assembly |
//! | [`console`] | the first serial port, the screen, the log |
//! | [`boot`], [`command_line`] | what the boot loader and the runner hand over |
//! | [`mod@exit`] | how the machine ends, and with which status |
//! | [`layout`], [`image`], [`kernel_half`] | what lies where, and the kernel's own tables |
//! | [`lock`], [`physical`], [`spaces`], [`heap`] | the machine's memory: set up, locked in order, used |
//! | [`stack`], [`report`], [`fault`] | from an exception to an answer, or to a report and the end |
//! | [`account`] | what work on memory costs, and the words and units for it |
//! | [`picture`], [`dashboard`] | memory as blocks and bars, and the screen that shows them |
//! | [`interrupts`] | the serial port's interrupt, by APIC or 8259 |
//! | [`handlers`] | who answers exceptions and interrupts |
//! | [`mod@bench`] | what the kernel's operations cost, in instructions |
//! | [`crash`] | faults on purpose, to show their reports |
//! | [`tour`] | demonstrations that explain while they run |
//! | [`monitor`] | the console that people drive the machine with |
//! | [`panic`](mod@panic), [`testing`] | the end of a kernel that went wrong; the test framework |
//! | [`start`] | the first lines of every kernel: [`entry!`], [`test_kernel!`] |
//!
//! The stubs in [`cpu::entry`] call up into [`fault`], [`report`] and
//! [`interrupts`] without knowing them: [`handlers`] connects the two. What
//! memory is, the `memory` crate decides; this crate asks the processor and does
//! what `memory` answers.
//! The book, `docs/README.md`, leads through all of it, from chapter 1 on.
#![no_std]
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
pub mod exit;
pub mod fault;
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
pub mod report;
pub mod spaces;
pub mod stack;
pub mod start;
pub mod testing;
pub mod tour;

#[cfg(test)]
test_kernel!(test_main);
