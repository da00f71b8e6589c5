//! Spaces, seen from a processor: what each operation does, what each fault
//! becomes, and what is refused and why.

#[path = "../common/mod.rs"]
mod common;

mod allocate_errors;
mod another_memory;
mod around;
mod back_with;
mod break_up;
mod bytes;
mod change_errors;
#[cfg(feature = "heap")]
mod demand;
mod errors;
mod evict;
mod evict_files;
mod evict_forks;
mod evict_traps;
mod failing;
mod fault_log;
mod faults;
mod fork;
mod fork_traps;
mod free_range;
mod given_memory;
mod grow;
mod handle;
mod join;
mod large_pages;
mod leaves;
mod missing;
mod move_range;
mod object_traps;
mod objects;
mod protect;
mod queries;
mod refusals;
mod release;
mod replace;
mod reserve;
mod rows;
mod spaces;
mod stale;
mod swap_in_with;
mod tops;
mod words;
mod zero_blocks;
