//! What `boot` says itself, on standard error.
//!
//! Saying something never fails and never panics: words that cannot be written
//! are lost, and the run goes on. That nobody reads any more is noticed by
//! [`Watch`](crate::watch::Watch). Nothing else here writes to standard error.

use std::fmt::Display;
use std::io::{self, Write as _};

/// Says one thing, which may have several lines.
pub fn line(words: impl Display) {
    raw(&format!("boot: {words}\n"));
}

/// Says why `boot` gives up.
pub fn error(words: impl Display, status: u8) {
    line(format_args!("error: {words} (status {status})"));
}

/// Writes text as it stands, in one piece.
pub fn raw(text: &str) {
    // There is no other place to say that this place cannot be written to.
    io::stderr().write_all(text.as_bytes()).ok();
}
