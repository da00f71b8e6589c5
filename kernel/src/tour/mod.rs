//! Guided demonstrations: each does something real with memory and tells, line
//! by line, what the counters and the journal of faults say about it.

pub mod example;
pub mod meter;
pub mod scenario;
