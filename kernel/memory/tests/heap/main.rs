//! The heap on the host: real pointers into memory of which the host says, page
//! by page, what was touched.
//! Tests that count such pages are Linux's alone (see `held`).

mod checks;
mod growth;
mod held;
mod layouts;
#[cfg(target_os = "linux")]
mod limits;
mod mapped;
mod memory;
#[cfg(target_os = "linux")]
mod model;
mod resize;
#[cfg(target_os = "linux")]
mod steps;
#[cfg(target_os = "linux")]
mod trim;
