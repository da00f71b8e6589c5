//! The processor: its descriptors, exceptions, control registers and ports.
//!
//! The kernel's inline assembly lives here and nowhere else. [`init`] is
//! called once, early: before it, an exception is a reset without a word.

pub mod access;
pub mod control;
pub mod descriptors;
pub mod entry;
pub mod exception;
pub mod features;
pub mod fw_cfg;
pub mod idt;
pub mod switch;
pub mod tlb;
pub mod tsc;
pub mod vector;
pub mod wrong;

use memory::Features;

/// Loads descriptors and exception handlers, switches on what protects memory,
/// and says what this processor can do.
pub fn init() -> Features {
    descriptors::load();
    idt::load();
    let features = features::detect();
    control::enable(&features);
    features
}
