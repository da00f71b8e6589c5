//! The kernel's words for faults, and how it writes addresses: its own files.

#[path = "../../src/account/unit.rs"]
#[allow(dead_code, unreachable_pub, reason = "the kernel uses more of it")]
pub(crate) mod unit;
#[path = "../../src/account/words.rs"]
pub(crate) mod words;
