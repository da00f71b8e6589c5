//! Frames, page tables, regions and page-fault resolution for x86_64 kernels.
#![no_std]
#![deny(unsafe_code)]
#![deny(missing_docs)]

pub mod direct_map;
pub mod fault;
pub mod features;
pub mod frames;
pub mod gather;
pub mod journal;
pub mod memory_map;
pub mod paging;
pub mod physical;
mod pool;
pub mod space;
pub mod tlb;

pub use direct_map::DirectMap;
pub use fault::{Access, Cause, Fault, Outcome, Refusal};
pub use features::Features;
pub use physical::Physical;
pub use space::Space;
pub use tlb::{Flush, Scope, Tlb};
