//! Accesses to pages, and how they are written down: one line each, `r` or `w` and
//! the number of the page. A `#` begins a comment.
//!
//! ```text
//! w 0      # page 0 is written
//! r 1      # page 1 is read
//! ```

use alloc::vec::Vec;
use core::error::Error;
use core::fmt;
use core::num::ParseIntError;

/// The highest number that a page may have.
pub const MOST_PAGE: u32 = u32::MAX - 1;

/// An access to a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// Which page, up to [`MOST_PAGE`].
    pub page: u32,
    /// Whether it is written.
    pub is_write: bool,
}

impl Access {
    /// A read.
    #[must_use]
    pub const fn read(page: u32) -> Self {
        Self {
            page,
            is_write: false,
        }
    }

    /// A write.
    #[must_use]
    pub const fn write(page: u32) -> Self {
        Self {
            page,
            is_write: true,
        }
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", if self.is_write { 'w' } else { 'r' }, self.page)
    }
}

/// A line that is no access.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineError {
    /// The number of the line, from 1 on.
    pub line: usize,
    /// What is wrong.
    pub why: Wrong,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrong {
    /// It begins with something else than `r` or `w`.
    Kind,
    /// No page follows, or more than one word.
    Words,
    /// The page is no number.
    Page(ParseIntError),
    /// The number of the page is too high.
    TooHigh,
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.line)?;
        match &self.why {
            Wrong::Kind => f.write_str("an access begins with r (read) or w (write)"),
            Wrong::Words => f.write_str("an access is r or w and one page, as in `r 12`"),
            Wrong::Page(error) => write!(f, "the page is no number: {error}"),
            Wrong::TooHigh => write!(f, "the highest page is {MOST_PAGE}"),
        }
    }
}

impl Error for LineError {}

/// Reads a trace.
///
/// # Errors
///
/// The first [`LineError`].
pub fn parse(text: &str) -> Result<Vec<Access>, LineError> {
    let mut trace = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.split('#').next().unwrap_or_default();
        if line.trim().is_empty() {
            continue;
        }
        let access = access(line).map_err(|why| LineError { line: number, why })?;
        trace.push(access);
    }
    Ok(trace)
}

fn access(line: &str) -> Result<Access, Wrong> {
    let mut words = line.split_whitespace();
    let is_write = match words.next() {
        Some("r") => false,
        Some("w") => true,
        _ => return Err(Wrong::Kind),
    };
    let (Some(page), None) = (words.next(), words.next()) else {
        return Err(Wrong::Words);
    };
    let page = page.parse().map_err(Wrong::Page)?;
    if page > MOST_PAGE {
        return Err(Wrong::TooHigh);
    }
    Ok(Access { page, is_write })
}
