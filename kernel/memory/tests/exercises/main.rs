//! Solutions of the book's exercises: each file answers those of one chapter, and asserts the answers. Where some of them
//! begin is in `starts`.

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
mod starts;
mod testing;
