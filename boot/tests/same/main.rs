//! The same on Linux: what a program is told there, it is told on Faultline.
//!
//! - [`programs`]: the programs of `kernel/programs` print the same.
//! - [`scripts`]: random scripts of system calls and accesses have the same results,
//!   faults, contents and resident pages after every step; with few frames, the same
//!   results and contents.
//! - [`pressure`]: programs under constant pressure, for as long as somebody likes.
//!
//! # What differs, and is not compared
//!
//! | on Linux | on Faultline | why |
//! |---|---|---|
//! | memory can be writable and executable | EACCES, over all mappings of an object | no byte is written and executed: invariant 3 of the audit |
//! | PROT_WRITE alone is not read by MADV_POPULATE_READ (EINVAL) | it is | the processor knows no such pages, and no access tells |
//! | a read maps the neighbours of an object's page | it maps one page | Linux' number of neighbours is a setting |
//! | a fork copies no page table of a shared mapping, nor of one in which nothing was written | it copies all | a child would only fault once more |
//! | MADV_POPULATE_WRITE gives the last owner of a page its right to write back, and the next write may fault once more | it does not | the processor still has the page as read-only, which Linux leaves to that fault |
//! | what is copied from an object over itself, through a mapping of it, goes byte by byte | by chunks | how a copy overlaps itself is nobody's promise |
//! | a write from a bad address into an object can move its end, and leave a page of zeroes | it changes nothing | an accident of Linux |
//! | before 6.17 `mremap` refuses a range of several mappings | it moves them as later versions do | |
//! | when it merges neighbouring mappings is its own matter | it always does | seen by `mremap` alone |
//! | where a mapping goes that may lie anywhere | elsewhere | an address is no promise |
//! | MADV_FREE, MADV_WILLNEED, MADV_HUGEPAGE depend on the system's settings | hints | |
//! | the process's own stack grows | it is mapped in full | nobody but `mincore` can tell |
//!
//! On another host than Linux there is nothing to compare with.

#[cfg(target_os = "linux")]
#[path = "../common/answer.rs"]
mod answer;
#[cfg(target_os = "linux")]
#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "nothing is typed here")]
mod common;

#[cfg(target_os = "linux")]
mod author;
#[cfg(target_os = "linux")]
mod machines;
#[cfg(target_os = "linux")]
mod model;
#[cfg(target_os = "linux")]
mod pressure;
#[cfg(target_os = "linux")]
mod programs;
#[cfg(target_os = "linux")]
mod random;
#[cfg(target_os = "linux")]
mod script;
#[cfg(target_os = "linux")]
mod scripts;
#[cfg(target_os = "linux")]
mod shrink;

/// A number from the environment.
#[cfg(target_os = "linux")]
fn number(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    let number = value.parse();
    Some(number.unwrap_or_else(|_| panic!("{name} is a number, not `{value}`")))
}

#[cfg(not(target_os = "linux"))]
#[test]
fn on_another_host_than_linux_there_is_nothing_to_compare_with() {
    eprintln!("skipped: this host is no Linux");
}
