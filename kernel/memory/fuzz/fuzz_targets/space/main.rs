//! Scripts of operations on address spaces, guided by coverage.
//!
//! ```text
//! cd kernel/memory
//! cargo fuzz run -s none space -- -max_total_time=300
//! ```
#![no_main]

#[path = "../../../tests/common/mod.rs"]
mod common;
mod player;
mod step;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|script: step::Script| player::play(&script));
