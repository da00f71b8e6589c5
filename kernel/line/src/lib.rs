//! A typed line: from bytes to keys, from keys to a line, and the words and numbers on it.
//!
//! ```text
//! bytes ─ keys ─> editor ─> line ─> what was entered
//!                   │  └──> history
//!                   └ echo ─> what the terminal shows
//! ```
//!
//! [`Cooked`] makes lines for a program that reads instead.
//!
//! It takes nothing from a heap and knows no device, so it serves a kernel whose last frame is
//! gone, and is tested on the host.
#![no_std]

mod cooked;
mod echo;
pub mod editor;
mod history;
pub mod keys;
mod line;
pub mod number;
pub mod words;

pub use cooked::{Cooked, LONGEST as LONGEST_INPUT, Modes};
pub use editor::{Editor, Input};
pub use line::LONGEST;
