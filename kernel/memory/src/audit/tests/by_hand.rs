//! What the tests do to tables and frames behind the allocator's back.

use super::*;

impl Machine {
    /// The entry for `address` in the table at `level`, to be broken.
    pub(super) fn entry(&mut self, scope: Scope, address: u64, level: u8) -> Raw<'_> {
        let direct_map = self.memory.direct_map();
        let mut table = self.half(scope).root().start_address();
        for above in (level + 1..=4).rev() {
            let entry = Raw(place(direct_map, table, address, above)).get();
            assert!(entry.is_table(), "no table at level {above}");
            table = entry.table_address();
        }
        Raw(place(direct_map, table, address, level))
    }

    /// A leaf that maps `memory` with all that `region` gives, put by hand
    /// where a table is and nothing is mapped. The table counts it.
    pub(super) fn put_leaf(&mut self, scope: Scope, address: u64, memory: u64, region: &Region) {
        let flags = region.leaf_flags(self.memory.features(), scope == Scope::Kernel);
        let leaf = Entry::leaf(PhysAddr::new(memory), LeafSize::Size4KiB, flags);
        let entry = self.entry(scope, address, 1);
        assert_eq!(entry.get(), Entry::UNUSED);
        entry.set(leaf.bits());
        self.entry(scope, address, 2).count_one_more();
    }

    /// The frame that is mapped at `address`.
    pub(super) fn frame_at(&mut self, scope: Scope, address: u64) -> PhysAddr {
        let walk = self.half(scope).walk(VirtAddr::new(address));
        walk.physical().expect("mapped")
    }

    /// A frame that nobody has.
    pub(super) fn free_frame(&mut self) -> PhysAddr {
        let frame = self.memory.allocate_frame::<Size4KiB>(FrameKind::Private);
        let frame = frame.expect("a frame");
        let start = frame.start();
        self.memory.free_frame(frame);
        start
    }
}

pub(super) fn place(
    direct_map: DirectMap,
    table: PhysAddr,
    address: u64,
    level: u8,
) -> &'static AtomicU64 {
    let entry = direct_map.pointer::<u64>(table.as_u64() + (address / span_of(level)) % 512 * 8);
    // SAFETY: an entry of a table in memory that lives as long as the machine,
    // and longer than any test looks at it.
    unsafe { AtomicU64::from_ptr(entry) }
}

/// An entry of a table, under the hand of a test.
pub(super) struct Raw<'a>(pub(super) &'a AtomicU64);

impl Raw<'_> {
    pub(super) fn get(&self) -> Entry {
        Entry::from_bits(self.0.load(Relaxed))
    }

    pub(super) fn set(&self, bits: u64) {
        self.0.store(bits, Relaxed);
    }

    pub(super) fn flip(&self, flags: PageTableFlags) {
        self.set(self.get().bits() ^ flags.bits());
    }

    /// One entry more is in use in the table that this points to.
    pub(super) fn count_one_more(&self) {
        let entry = self.get();
        self.set(entry.with_in_use(entry.in_use() + 1).bits());
    }

    /// One entry less is in use in the table that this points to.
    pub(super) fn count_one_less(&self) {
        let entry = self.get();
        self.set(entry.with_in_use(entry.in_use() - 1).bits());
    }
}

/// A large frame's worth of memory is free.
pub(super) fn free_large_frame(machine: &Machine) -> PhysAddr {
    let frame = machine
        .memory
        .allocate_frame::<Size2MiB>(FrameKind::Private);
    let frame = frame.expect("2 MiB");
    let start = frame.start();
    machine.memory.free_frame(frame);
    start
}
