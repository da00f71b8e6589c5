//! Spaces, seen from a processor: what each operation does, what each fault
//! becomes, and what is refused and why.

#[path = "../common/mod.rs"]
mod common;

mod allocate_errors;
mod around;
mod bytes;
mod change_errors;
mod failing;
mod fault_log;
mod faults;
mod large_pages;
mod leaves;
mod protect;
mod queries;
mod refusals;
mod release;
mod reserve;
mod rows;
mod spaces;
mod stale;
mod words;
mod zero_blocks;
