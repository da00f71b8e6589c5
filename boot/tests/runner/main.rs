//! The runner as people and cargo use it: the finished program, real kernels, a real QEMU.

#[path = "../common/answer.rs"]
mod answer;
#[path = "../common/mod.rs"]
mod common;

mod bochs;
mod cargo_runner;
mod compare;
mod crash;
mod defects;
mod disks;
#[cfg(target_os = "linux")]
mod ending;
mod entries;
mod failing_swap;
#[cfg(target_os = "linux")]
mod fake;
mod files;
#[cfg(target_os = "linux")]
mod guards;
mod kernels;
#[cfg(target_os = "linux")]
mod linux;
mod machines;
mod monitor;
mod must_fail;
mod no_kernel;
mod odd_paths;
mod pictures;
#[cfg(target_os = "linux")]
mod programs;
mod refusals;
mod reports;
mod sizes;
mod steps;
mod suite;
#[cfg(target_os = "linux")]
mod terminal;
mod typing;
mod uefi;
