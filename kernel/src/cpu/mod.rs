//! The processor: its descriptors, exceptions, control registers and ports.
//!
//! The kernel's inline assembly lives here and nowhere else. [`init`] is
//! called once, early: before it, an exception is a silent reset.

pub mod access;
pub mod control;
pub mod descriptors;
pub mod entry;
pub mod exception;
pub mod extended;
pub mod features;
pub mod fw_cfg;
pub mod idt;
pub mod pci;
pub mod ring3;
pub mod switch;
pub mod tlb;
pub mod tsc;
pub mod vector;
pub mod wrong;

use entry::Stubs;
use memory::Features;

/// Loads the descriptors, leads every exception to its stub, switches on what
/// protects memory and what programs use, and says what this processor can do.
pub fn init(stubs: &Stubs) -> Features {
    descriptors::load();
    idt::load(stubs);
    let features = features::detect();
    control::enable(&features);
    extended::enable();
    ring3::enable();
    features
}
