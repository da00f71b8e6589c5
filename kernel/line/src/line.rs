//! A line as it was typed so far, with all that has to be known of it.
//!
//! What must always hold: a line that is empty is new in every respect.

use core::ops::Range;

use heapless::Vec;

/// The longest line, in characters.
pub const LONGEST: usize = 1024;

/// What was typed, a byte a character. One that is not printable ASCII stands for a character
/// that no command holds, by its first byte.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Line {
    bytes: Vec<u8, LONGEST>,
    /// Characters that there was no room for.
    surplus: u64,
}

/// Why a line is no command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// So many characters were typed.
    TooLong(u64),
    /// The first of its characters that no command holds.
    Garbage(u8),
}

impl Line {
    pub(crate) const fn new() -> Self {
        Self {
            bytes: Vec::new(),
            surplus: 0,
        }
    }

    /// The characters that there was room for.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Puts a character at a place; false if there is no room, which the line remembers.
    pub(crate) fn insert(&mut self, at: usize, byte: u8) -> bool {
        let has_room = self.bytes.insert(at, byte).is_ok();
        self.surplus += u64::from(!has_room);
        has_room
    }

    /// Takes characters away.
    pub(crate) fn remove(&mut self, range: Range<usize>) {
        drop(self.bytes.drain(range));
        if self.bytes.is_empty() {
            self.surplus = 0;
        }
    }

    /// Takes one character away that there was no room for; false if there was room for all.
    pub(crate) fn remove_surplus(&mut self) -> bool {
        let has_surplus = self.surplus > 0;
        self.surplus -= u64::from(has_surplus);
        has_surplus
    }

    /// The line as text, if it can be a command.
    pub(crate) fn text(&self) -> Result<&str, Unfit> {
        if let Some(&byte) = self.bytes.iter().find(|byte| !is_printable(byte)) {
            return Err(Unfit::Garbage(byte));
        }
        if self.surplus > 0 {
            return Err(Unfit::TooLong(LONGEST as u64 + self.surplus));
        }
        // Printable ASCII is UTF-8.
        Ok(core::str::from_utf8(&self.bytes).unwrap_or_default())
    }
}

/// Whether a byte is printable ASCII.
pub(crate) fn is_printable(byte: &u8) -> bool {
    matches!(byte, b' '..=b'~')
}
