//! A processor in software, as far as translations go: it walks the tables by
//! reading simulated memory and remembers what it met for as long as it may.
//!
//! It caches leaves and upper-level entries for ever, sets ACCESSED and DIRTY,
//! honours WP, NX, U/S, GLOBAL and reserved bits, and raises page faults with
//! exact error codes (Intel SDM vol. 3A 4.5 to 4.8 and 4.10). It forgets only
//! at a flush that names a translation (`processors`), at a load of a root, and,
//! for the one address, at a page fault; after that it looks at once again, as
//! a speculative walk may.

extern crate alloc;

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering::Relaxed;

use faultline_memory::{Access, Fault, Features};
use x86_64::VirtAddr;
use x86_64::structures::idt::PageFaultErrorCode as Code;
use x86_64::structures::paging::PageTableFlags as Flags;

use super::simulated_memory::SimulatedMemory;
use super::translation::{ADDRESS, Found, Leaf, Permissions, Upper, span};

/// One processor.
pub struct Processor {
    memory: Arc<SimulatedMemory>,
    features: Features,
    root: u64,
    /// By level and first virtual address.
    pub leaves: BTreeMap<(u8, u64), Leaf>,
    /// By level of the entry and first virtual address of what it spans.
    pub uppers: BTreeMap<(u8, u64), Upper>,
}

impl Processor {
    /// A processor without a root: one is to be loaded before anything is translated.
    pub fn new(memory: Arc<SimulatedMemory>, features: Features) -> Self {
        Self {
            memory,
            features,
            root: 0,
            leaves: BTreeMap::new(),
            uppers: BTreeMap::new(),
        }
    }

    /// The physical address of the root that is loaded.
    pub fn root(&self) -> u64 {
        self.root
    }

    /// Loads a root: drops what is not global, and all upper-level entries.
    pub fn load(&mut self, root: u64) {
        self.root = root;
        self.leaves.retain(|_, leaf| leaf.global);
        self.uppers.clear();
    }

    /// Translates one access.
    pub fn translate(&mut self, address: u64, access: Access, user: bool) -> Result<u64, Fault> {
        // A first write through a clean translation walks anew, to set DIRTY.
        let remembered = self
            .remembered(address)
            .filter(|leaf| leaf.dirty || access != Access::Write || !leaf.permissions.writable);
        let leaf = match remembered {
            Some(leaf) if leaf.permissions.allow(access, user) => leaf,
            Some(_) => return Err(self.fault(address, access, user, Code::PROTECTION_VIOLATION)),
            None => self.walk_for(address, access, user)?,
        };
        Ok(leaf.physical + (address - leaf.start))
    }

    /// What a page fault does to what is remembered of its address, and then
    /// what a speculative read may bring back before the handler runs.
    pub fn forget_and_speculate(&mut self, address: u64) {
        self.forget(address);
        self.speculate(address);
    }

    /// A walk that no instruction asked for: it faults never and may be made at
    /// any time.
    pub fn speculate(&mut self, address: u64) {
        if let Found::Leaf(leaf, entry) = self.walk(address) {
            self.remember(leaf, entry, false);
        }
    }

    /// The first addresses of all that is remembered.
    pub fn known(&self) -> Vec<u64> {
        let leaves = self.leaves.keys().map(|&(_, start)| start);
        leaves
            .chain(self.uppers.keys().map(|&(_, start)| start))
            .collect()
    }

    /// Drops the leaves of every size and the upper-level entries for `address`.
    pub fn forget(&mut self, address: u64) {
        for level in 1..=4 {
            let start = address & !(span(level) - 1);
            self.leaves.remove(&(level, start));
            self.uppers.remove(&(level, start));
        }
    }

    /// Walks the tables, and nothing but the tables.
    pub fn look(&self, address: u64) -> Found {
        self.descend(4, self.root, Permissions::ALL, address, &mut |_, _| {})
    }

    /// The table that the entry at `level` for `address` points to now.
    pub fn table_below(&self, level: u8, address: u64) -> Option<u64> {
        let mut table = None;
        self.descend(4, self.root, Permissions::ALL, address, &mut |at, upper| {
            if at == level {
                table = Some(upper.table);
            }
        });
        table
    }

    fn remembered(&self, address: u64) -> Option<Leaf> {
        (1..=3).find_map(|level| {
            let start = address & !(span(level) - 1);
            self.leaves.get(&(level, start)).copied()
        })
    }

    fn walk_for(&mut self, address: u64, access: Access, user: bool) -> Result<Leaf, Fault> {
        match self.walk(address) {
            Found::Absent => Err(self.fault(address, access, user, Code::empty())),
            Found::Reserved => {
                let code = Code::PROTECTION_VIOLATION | Code::MALFORMED_TABLE;
                Err(self.fault(address, access, user, code))
            }
            Found::Leaf(leaf, entry) if leaf.permissions.allow(access, user) => {
                Ok(self.remember(leaf, entry, access == Access::Write))
            }
            Found::Leaf(..) => Err(self.fault(address, access, user, Code::PROTECTION_VIOLATION)),
        }
    }

    /// Sets ACCESSED, and DIRTY for a write, in the entry, and remembers the leaf.
    fn remember(&mut self, leaf: Leaf, entry: u64, write: bool) -> Leaf {
        let mut used = Flags::ACCESSED;
        used.set(Flags::DIRTY, write);
        self.memory.entry(entry).fetch_or(used.bits(), Relaxed);
        let leaf = Leaf {
            dirty: leaf.dirty || write,
            ..leaf
        };
        self.leaves.insert((leaf.level, leaf.start), leaf);
        leaf
    }

    /// Walks from the lowest upper-level entry that is remembered, and
    /// remembers those that it meets.
    fn walk(&mut self, address: u64) -> Found {
        let known = (2..=4).find_map(|level| {
            let start = address & !(span(level) - 1);
            let upper = self.uppers.get(&(level, start))?;
            Some((level - 1, upper.table, upper.permissions))
        });
        let (level, table, permissions) = known.unwrap_or((4, self.root, Permissions::ALL));
        let mut met = Vec::with_capacity(3);
        let found = self.descend(level, table, permissions, address, &mut |level, upper| {
            met.push(((level, address & !(span(level) - 1)), upper));
        });
        self.uppers.extend(met);
        found
    }

    /// The walk itself, from the table at `level` down. ACCESSED of an entry
    /// that points to a table is set by this crate's tables from the start.
    fn descend(
        &self,
        level: u8,
        table: u64,
        above: Permissions,
        address: u64,
        met: &mut dyn FnMut(u8, Upper),
    ) -> Found {
        let place = table + 8 * (address / span(level) % 512);
        let entry = self.memory.entry(place).load(Relaxed);
        let flags = Flags::from_bits_truncate(entry);
        if !flags.contains(Flags::PRESENT) {
            return Found::Absent;
        }
        if entry & self.reserved(level, flags) != 0 {
            return Found::Reserved;
        }
        let permissions = above.and(entry, self.features);
        if level > 1 && !flags.contains(Flags::HUGE_PAGE) {
            assert!(flags.contains(Flags::ACCESSED), "a table entry in use");
            let table = entry & ADDRESS;
            met(level, Upper { table, permissions });
            return self.descend(level - 1, table, permissions, address, met);
        }
        let leaf = Leaf {
            start: address & !(span(level) - 1),
            level,
            physical: entry & ADDRESS & !(span(level) - 1),
            permissions,
            global: self.features.global_pages && flags.contains(Flags::GLOBAL),
            dirty: flags.contains(Flags::DIRTY),
            cache: flags & (Flags::WRITE_THROUGH | Flags::NO_CACHE),
        };
        Found::Leaf(leaf, place)
    }

    /// The bits that must be 0 in a present entry with these flags at `level`.
    fn reserved(&self, level: u8, flags: Flags) -> u64 {
        let mut reserved = ADDRESS & !((1 << self.features.physical_bits) - 1);
        if !self.features.no_execute {
            reserved |= Flags::NO_EXECUTE.bits();
        }
        let leaf_is_reserved = level == 4 || level == 3 && !self.features.gigabyte_pages;
        if leaf_is_reserved {
            reserved |= Flags::HUGE_PAGE.bits();
        } else if level > 1 && flags.contains(Flags::HUGE_PAGE) {
            // Between the PAT bit (12) and the first address bit.
            reserved |= (span(level) - 1) & !0x1fff;
        }
        reserved
    }

    fn fault(&self, address: u64, access: Access, user: bool, mut code: Code) -> Fault {
        code.set(Code::CAUSED_BY_WRITE, access == Access::Write);
        code.set(Code::USER_MODE, user);
        // Without NX (and SMEP) a fetch is reported as a read.
        let fetch = access == Access::Execute && self.features.no_execute;
        code.set(Code::INSTRUCTION_FETCH, fetch);
        Fault {
            address: VirtAddr::new(address),
            code,
            instruction: VirtAddr::new(0x1000),
        }
    }
}
