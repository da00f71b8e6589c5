//! What work on memory costs, and the words and units in which that is said.
//!
//! Dashboard, tour, monitor and tests share it, so that they all say the same.

pub mod meter;
pub mod unit;
pub(crate) mod words;
