//! What a walk finds and a processor remembers: permissions, leaves, and
//! upper-level entries.

use faultline_memory::{Access, Features};
use x86_64::structures::paging::PageTableFlags as Flags;

/// The address bits of an entry.
pub const ADDRESS: u64 = 0x000f_ffff_ffff_f000;
/// Set in every address of the kernel half.
pub const UPPER: u64 = 0xffff_8000_0000_0000;

/// Bytes that one entry at `level` spans.
pub const fn span(level: u8) -> u64 {
    1 << (12 + 9 * (level as u64 - 1))
}

/// What the entries on the way give together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permissions {
    pub writable: bool,
    pub user: bool,
    pub executable: bool,
}

impl Permissions {
    pub const ALL: Self = Self {
        writable: true,
        user: true,
        executable: true,
    };

    /// What is left below an entry with these bits.
    pub fn and(self, entry: u64, features: Features) -> Self {
        let flags = Flags::from_bits_truncate(entry);
        let never = features.no_execute && flags.contains(Flags::NO_EXECUTE);
        Self {
            writable: self.writable && flags.contains(Flags::WRITABLE),
            user: self.user && flags.contains(Flags::USER_ACCESSIBLE),
            executable: self.executable && !never,
        }
    }

    /// Whether the access may go on, with CR0.WP set and without SMEP and SMAP.
    pub fn allow(self, access: Access, user: bool) -> bool {
        (self.user || !user)
            && match access {
                Access::Read => true,
                Access::Write => self.writable,
                Access::Execute => self.executable,
            }
    }

    /// True if `self` gives nothing that `other` does not.
    pub fn within(self, other: Self) -> bool {
        self.writable <= other.writable
            && self.user <= other.user
            && self.executable <= other.executable
    }
}

/// A leaf as a walk finds it, or as the processor remembers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// The first virtual address.
    pub start: u64,
    /// The level of the table it is in: 1, 2 or 3.
    pub level: u8,
    /// The first physical address.
    pub physical: u64,
    pub permissions: Permissions,
    pub global: bool,
    pub dirty: bool,
    /// PWT and PCD.
    pub cache: Flags,
}

/// An upper-level entry that is remembered.
#[derive(Clone, Copy, Debug)]
pub struct Upper {
    /// The table that it points to.
    pub table: u64,
    pub permissions: Permissions,
}

/// How a walk ended.
pub enum Found {
    Absent,
    Reserved,
    /// The leaf, and where its entry lies in physical memory.
    Leaf(Leaf, u64),
}
