//! The same on Linux: what a program sees there it has to see on Faultline.
//!
//! - [`scripts`]: random scripts of system calls, faults and accesses.
//!
//! On another host than Linux there is nothing to compare with.
#![cfg(target_os = "linux")]

mod author;
mod differences;
mod model;
mod random;
mod script;
mod scripts;
