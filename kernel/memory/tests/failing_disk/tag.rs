//! What a page holds, from its first word to its last: who wrote it, where, and when.

use std::fmt;

use crate::common::operations::PAGE;

/// The contents of a page. One that nobody wrote is zero.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Tag {
    /// 1 more than the number of the space, and the page that it wrote.
    pub owner: u16,
    pub page: u16,
    /// Writes before this one, in all spaces.
    pub version: u32,
}

impl Tag {
    /// The words of the page.
    fn word(self) -> u64 {
        let Self {
            owner,
            page,
            version,
        } = self;
        u64::from(owner) << 48 | u64::from(page) << 32 | u64::from(version)
    }

    /// The page.
    pub fn bytes(self) -> Vec<u8> {
        self.word().to_le_bytes().repeat(PAGE as usize / 8)
    }

    /// What these bytes of a page are; `None` if they are none.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let word = u64::from_le_bytes(*bytes.first_chunk()?);
        let tag = Self {
            owner: (word >> 48) as u16,
            page: (word >> 32) as u16,
            version: word as u32,
        };
        (tag.bytes() == bytes).then_some(tag)
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.owner.checked_sub(1) {
            None => f.write_str("zeroes"),
            Some(space) => {
                let Self { page, version, .. } = self;
                write!(f, "write {version}, of space {space} to page {page}")
            }
        }
    }
}
