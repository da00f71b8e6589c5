//! The heap on the host: real pointers into memory of which the host says, page
//! by page, what was touched.

mod checks;
mod growth;
mod layouts;
mod limits;
mod memory;
mod model;
mod resize;
mod trim;
