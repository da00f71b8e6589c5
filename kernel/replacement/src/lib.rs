//! Page replacement on paper: a trace of accesses, so many frames, and a rule that
//! says which page goes when a frame is needed.
//!
//! | module | is |
//! |---|---|
//! | [`trace`] | accesses to pages, and how they are written down |
//! | [`workload`] | traces that are made, the same each time |
//! | [`paper`] | what frames hold, and what it costs |
//! | [`rules`] | first in first out, least recently used, the clock |
//! | [`optimum`] | what nobody can do better: the page goes that is needed last |
//!
//! A kernel is measured against [`optimum`]: it knows what comes, which no kernel does.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod optimum;
pub mod paper;
pub mod rules;
pub mod trace;
pub mod workload;

pub use paper::Counts;
pub use trace::Access;
pub use workload::Workload;
