//! The heap on the host: real pointers into memory of which the host says, page
//! by page, what was touched.
//!
//! Only Linux tells that exactly (`/proc/self/pagemap`), and nearly every test
//! here counts pages; so elsewhere there are none of them. What remains there are
//! the test kernels `tests/heap*.rs`, where the machine's own tables are counted.
#![cfg(target_os = "linux")]

mod checks;
mod growth;
mod layouts;
mod limits;
mod memory;
mod model;
mod resize;
mod steps;
mod trim;
