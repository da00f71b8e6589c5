//! Solutions of the book's exercises: each file answers those of one chapter, and asserts the answers.
//!
//! Where an exercise asks for code, `starts/` has a starting point with the task. Its test fails until it is solved, and so
//! is run only by name and with `-- --ignored`; another test sees that it fails.

#[path = "../common/mod.rs"]
mod common;

mod devices;
mod faults;
mod frames;
mod measuring;
mod memory_map;
mod next;
mod paging;
mod regions;
mod reports;
mod testing;
