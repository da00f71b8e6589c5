//! `boot`, the cargo runner: from a kernel's ELF file to a finished run in QEMU.
//!
//! cargo calls it as `boot <kernel> [what the user typed after --]`, for the
//! kernel itself and for every test kernel. The way through the files:
//!
//! ```text
//! options, manifest -> suite (which tests) -> image (strip, archive (programs))
//!         -> launch, machine (firmware, disks, display, guest)
//!         -> run (qemu, control, fitness) -> ended (status, reset)
//!                        serial port out: output (opening, notice, prompt (program))
//!                        serial port in:  script -> typing (keyboard, picture, view) -> typed
//! what the threads report to run: event
//! what holds from the first moment to the last: watch, scratch, say
//! figures of a measured guest: measure -> figures -> baseline (environment)
//! ```
//!
//! What always holds: the guest's serial bytes, with names put to the addresses
//! of its backtraces (backtrace, symbols), are the only thing on standard
//! output, every word of QEMU and of `boot` goes to standard error, and no QEMU
//! outlives its `boot`.

#![warn(clippy::print_stderr, clippy::print_stdout)]

pub mod archive;
pub mod backtrace;
pub mod baseline;
pub mod control;
pub mod disks;
pub mod display;
pub mod ended;
pub mod environment;
mod event;
pub mod figures;
pub mod firmware;
mod fitness;
#[cfg(test)]
mod fixture;
pub mod gdb;
pub mod guest;
pub mod image;
pub mod keyboard;
pub mod launch;
pub mod machine;
pub mod manifest;
pub mod measure;
pub mod notice;
pub mod opening;
pub mod options;
pub mod output;
pub mod picture;
pub mod program;
pub mod programs;
pub mod prompt;
pub mod qemu;
pub mod reset;
pub mod run;
pub mod say;
pub mod scratch;
pub mod script;
pub mod status;
pub mod strip;
pub mod suite;
pub mod symbols;
pub mod typed;
mod typing;
pub mod view;
pub mod watch;
