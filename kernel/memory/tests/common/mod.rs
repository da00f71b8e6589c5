//! The test bench: simulated memory, software processors, a machine of both,
//! and pictures of its state. Each test binary uses a part of it.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary compiles the bench and uses a part of it"
)]

pub mod evict;
pub mod machine;
pub mod operations;
pub mod processor;
pub mod processors;
pub mod ranges;
pub mod simulated_memory;
pub mod snapshot;
pub mod translation;
pub mod wire;
