//! What pictures of memory show: physical memory as blocks of frames, a region
//! as a bar of parts. The monitor prints them as letters, the dashboard draws
//! them in colours, and both say the same.
//!
//! Gathering takes nothing from the heap; it holds the locks of memory, one
//! after the other, and leaves none held when something is printed or drawn.

pub mod bar;
pub mod blocks;
pub mod row;
pub mod state;

pub use bar::Bar;
pub use blocks::Blocks;
pub use row::{Block, COLUMNS, Row};
pub use state::FrameState;
