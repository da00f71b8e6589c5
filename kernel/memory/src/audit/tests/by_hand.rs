//! What the tests do to tables and frames behind the allocator's back.

use super::*;

impl Machine {
    /// The entry for `address` in the table at `level`, to be broken.
    pub(super) fn entry(&mut self, scope: Scope, address: u64, level: u8) -> Raw<'_> {
        let (half, physical) = self.half(scope);
        let direct_map = physical.direct_map();
        let mut table = half.cursor.root();
        for above in (level + 1..=4).rev() {
            let entry = Raw(place(direct_map, table, address, above)).get();
            assert!(entry.is_table(), "no table at level {above}");
            table = entry.as_table();
        }
        Raw(place(direct_map, table, address, level))
    }

    /// A leaf that maps `memory` with all that `region` gives, put by hand
    /// where a table is and nothing is mapped. The table counts it.
    pub(super) fn put_leaf(&mut self, scope: Scope, address: u64, memory: u64, region: &Region) {
        let flags = region.leaf_flags(self.physical.features(), scope == Scope::Kernel);
        let leaf = Entry::leaf(memory, LeafSize::Size4KiB, flags.bits());
        let entry = self.entry(scope, address, 1);
        assert_eq!(entry.get(), Entry::UNUSED);
        entry.set(leaf.bits());
        let parent = self.entry(scope, address, 2);
        parent.set(parent.get().count_changed(true).bits());
    }

    /// The frame that is mapped at `address`.
    pub(super) fn frame_at(&mut self, scope: Scope, address: u64) -> PhysAddr {
        let walk = self.half(scope).0.walk(VirtAddr::new(address));
        walk.physical().expect("mapped")
    }

    /// A frame that nobody has.
    pub(super) fn free_frame(&mut self) -> PhysAddr {
        let frame = self
            .physical
            .frames_mut()
            .allocate::<Size4KiB>(FrameKind::Private);
        let frame = frame.expect("a frame");
        let start = frame.start();
        self.physical.frames_mut().free(frame);
        start
    }
}

pub(super) fn place(
    direct_map: DirectMap,
    table: Table,
    address: u64,
    level: u8,
) -> &'static AtomicU64 {
    let entry = direct_map.pointer::<u64>(table.address() + (address / span_of(level)) % 512 * 8);
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
}

/// A large frame's worth of memory is free.
pub(super) fn free_large_frame(machine: &mut Machine) -> PhysAddr {
    let frames = machine.physical.frames_mut();
    let frame = frames
        .allocate::<Size2MiB>(FrameKind::Private)
        .expect("2 MiB");
    let start = frame.start();
    frames.free(frame);
    start
}
