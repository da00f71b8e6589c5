//! The memory manager on simulated memory, to be watched: in a web page, and in tests.
//!
//! ```text
//!   page (site/) ── request ──> Page ─> Monitor ─> Machine ─> memory: the crate of the kernel
//!        ^                       │         │          ├─ 16 MiB of simulated memory
//!        └── JSON ── Answer <────┴─ State ─┴─ Moments ├─ a processor that caches translations
//!                                                     └─ slots of a disk
//! ```
//!
//! The memory manager is the kernel's own, line by line. The processor is the one of its
//! tests, the words of the prompt are the kernel's: these files stand in one place, and are
//! compiled here, too. What is this package's own is that every access can be looked at step
//! by step ([`episode`]) and every moment be told whole ([`state`]).
//!
//! What must always hold: a command answers what the kernel's prompt would (a test plays the
//! book's sessions), and nothing shown is made up: it is read from the tables, the cache and
//! the counters as they are at that moment.
#![no_std]
#![deny(unsafe_code)]

extern crate alloc;
/// The name that the processor's files know it by.
extern crate memory as faultline_memory;

mod account;
pub mod episode;
#[cfg(target_family = "wasm")]
mod exports;
mod layout;
pub mod machine;
pub mod monitor;
pub mod page;
pub mod scenarios;
mod simulated_memory;
pub mod state;
mod swap;
mod wire;

#[path = "../../src/fault/whereabouts.rs"]
#[allow(unreachable_pub, reason = "the kernel's tests use it")]
mod whereabouts;

#[path = "../../memory/tests/common/processor.rs"]
#[allow(dead_code, unreachable_pub, reason = "tests use more of it")]
mod processor;
#[path = "../../memory/tests/common/processors.rs"]
#[allow(dead_code, unreachable_pub, reason = "tests use more of it")]
mod processors;
#[path = "../../memory/tests/common/translation.rs"]
#[allow(dead_code, unreachable_pub, reason = "tests use more of it")]
mod translation;

pub use machine::Machine;
pub use monitor::Monitor;
pub use page::Page;
