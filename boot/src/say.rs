//! What `boot` says itself, on standard error.
//!
//! Saying something never fails and never panics: words that cannot be written
//! are lost, and the run goes on. That nobody reads any more is noticed by
//! [`Watch`](crate::watch::Watch). Nothing else here writes to standard error.
//! An answer on standard output, in place of a guest's words, must arrive.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write as _};

use anyhow::{Context as _, Result};

use crate::status::{Early, Outcome};

/// Says one thing, which may have several lines.
pub fn line(words: impl Display) {
    raw(&format!("boot: {words}\n"));
}

/// Writes text as it stands, in one piece.
pub fn raw(text: &str) {
    // There is no other place to say that this place cannot be written to.
    io::stderr().write_all(text.as_bytes()).ok();
}

/// Writes an answer to standard output.
///
/// # Errors
/// It cannot be written; [`Early`] if nobody reads.
pub fn print(text: &str) -> Result<()> {
    let mut output = io::stdout();
    written(
        output
            .write_all(text.as_bytes())
            .and_then(|()| output.flush()),
    )
}

/// What became of an answer that was written.
///
/// # Errors
/// As [`print()`].
pub fn written(result: io::Result<()>) -> Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {
            Err(Early(Outcome::reader_gone()).into())
        }
        result => result.context("standard output cannot be written"),
    }
}
