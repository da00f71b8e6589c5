//! Compares the machine with the plain model: counters, regions, every leaf
//! with its flags and frame, and every byte that was written.

use faultline_memory::Outcome;
use faultline_memory::frames::Counts;
use faultline_memory::paging::LeafSize;
use faultline_memory::space::{Backing, Rights};
use x86_64::structures::paging::PageTableFlags as Flags;

use super::common::machine::FIRST_TABLES;
use super::common::operations::{Half, KERNEL};
use super::common::snapshot::{Placed, entries};
use super::common::translation::ADDRESS;
use super::plain::{Behind, PAGE, PlainLeaf, PlainRegion, UNKNOWN};
use super::play::World;

/// The entry of a reserved page: not present, and bit 9.
const RESERVED: u64 = 1 << 9;
/// That of a page in a slot: not present, the slot's number, and bit 10.
const SWAPPED: u64 = 1 << 10;

impl World {
    /// Compares everything but bytes that nobody wrote.
    pub fn compare(&mut self) {
        self.compare_counters();
        for half in self.halves.keys().copied().collect::<Vec<_>>() {
            self.compare_regions(half);
            self.compare_leaves(half);
        }
        let report = self.machine.check();
        assert_eq!(report.reserved, self.reserved());
        assert_eq!(report.swapped, self.swapped());
        let slots = self.machine.memory.slots();
        let (used, saved) = (self.slots().len() as u64, self.noted().len() as u64);
        assert_eq!((slots.used, slots.saved), (used, saved));
    }

    fn compare_counters(&self) {
        let sum = |of: fn(&super::plain::PlainHalf) -> u64| self.halves.values().map(of).sum();
        let private: u64 = sum(|half| half.private());
        let tables: u64 = sum(|half| half.tables());
        let borrowed: u64 = sum(|half| half.frames_behind(Behind::Borrowed));
        let counts = self.machine.counts();
        let free = self.capacity - self.used();
        let expected = Counts {
            free,
            used: counts.total - free,
            tables: FIRST_TABLES
                + tables
                + self.counter_tables()
                + self.slot_tables()
                + self.note_tables(),
            kept_back: self.reserved() + self.kept_for_slots(),
            kernel: self.record_frames(),
            private,
            shared: self.shared(),
            zero: 1,
            limit: (self.withheld > 0)
                .then(|| free - self.withheld - self.reserved() - self.kept_for_slots()),
            refused: 0,
            ..counts
        };
        assert_eq!(counts, expected);
        let memory = &self.machine.memory;
        assert_eq!(memory.borrowed(), borrowed);
        assert_eq!(memory.fallbacks(), self.fallbacks);
        for outcome in Outcome::ALL {
            let count = memory.fault_log(|log| log.count(outcome));
            assert_eq!(count, self.tally.of(outcome), "{outcome}");
        }
    }

    fn compare_regions(&mut self, half: Half) {
        let plain = &self.halves[&half];
        let space = self.machine.half(half);
        assert_eq!(space.region_count(), plain.regions.len() as u64);
        for (region, (&base, expected)) in space.regions().zip(&plain.regions) {
            let found = PlainRegion {
                size: region.size,
                rights: region.rights,
                backing: region.backing,
                page_size: region.page_size,
                fault_around: region.fault_around,
                user: region.user,
                faults: region.faults,
                ..*expected
            };
            assert_eq!((region.base.as_u64(), &found), (base, expected));
        }
        let frames = space.record_frames();
        let regions = plain.regions.len() as u64;
        assert!(frames <= regions && (frames > 0) == (regions > 0));
    }

    fn compare_leaves(&mut self, half: Half) {
        let found = entries(&self.machine.bytes, self.machine.half(half));
        let zero = self.machine.memory.zero_frame().start_address().as_u64();
        let features = self.features;
        let plain = self.halves.get_mut(&half).expect("a half that exists");
        let mut found = found.iter().filter(|entry| is_leaf_or_reserved(entry));
        let mut region: Option<(u64, PlainRegion)> = None;
        let regions = &plain.regions;
        for (&start, leaf) in &mut plain.leaves {
            let entry = found.next().expect("a leaf for each of the model's");
            let level = LeafSize::of_level(entry.level).map_or(0, LeafSize::bytes);
            assert_eq!((entry.start, level), (start, leaf.size));
            if region.is_none_or(|(base, region)| start - base >= region.size) {
                region = regions
                    .range(..=start)
                    .next_back()
                    .map(|(&base, &region)| (base, region));
            }
            let (_, region) = region.expect("a region for each leaf");
            if leaf.behind == Behind::Reserved {
                assert_eq!(entry.bits, RESERVED, "at {start:#x}");
                continue;
            }
            if leaf.behind == Behind::Swapped {
                let number = leaf.slot.expect("it is in one").number();
                assert_eq!(entry.bits, number << 12 | SWAPPED, "at {start:#x}");
                continue;
            }
            let mut flags = expected_flags(&region, leaf, half);
            flags.set(
                Flags::NO_EXECUTE,
                features.no_execute && flags.contains(Flags::NO_EXECUTE),
            );
            flags.set(
                Flags::GLOBAL,
                flags.contains(Flags::GLOBAL)
                    && (features.global_pages || !flags.contains(Flags::PRESENT)),
            );
            let present = Flags::from_bits_retain(entry.bits & !ADDRESS);
            assert_eq!(present, flags, "the flags at {start:#x}");
            let physical = entry.bits & ADDRESS & !(leaf.size - 1);
            if leaf.behind == Behind::Zero {
                assert_eq!(physical, zero, "at {start:#x}");
                continue;
            }
            if leaf.physical == UNKNOWN {
                leaf.physical = physical;
                compare_bytes(&self.machine.bytes, leaf);
            }
            assert_eq!(physical, leaf.physical, "at {start:#x}");
            for (offset, page) in &leaf.written {
                let same = self.machine.bytes.holds(physical + offset, page);
                assert!(same, "the bytes of {:#x}", start + offset);
            }
        }
        assert_eq!(found.next(), None, "a leaf that the model does not have");
    }

    /// Compares the bytes of every private page, written or not.
    pub fn compare_all_bytes(&self) {
        for half in self.halves.values() {
            let private = |leaf: &&PlainLeaf| leaf.behind == Behind::Private;
            for leaf in half.leaves.values().filter(private) {
                compare_bytes(&self.machine.bytes, leaf);
            }
        }
        let zero = self.machine.memory.zero_frame().start_address().as_u64();
        let zeroes = vec![0; PAGE as usize];
        assert!(self.machine.bytes.holds(zero, &zeroes), "the zero frame");
    }
}

/// True for an entry that the model has a leaf for.
fn is_leaf_or_reserved(entry: &Placed) -> bool {
    entry.is_leaf() || entry.bits & 1 == 0
}

fn compare_bytes(memory: &super::common::simulated_memory::SimulatedMemory, leaf: &PlainLeaf) {
    if leaf.behind == Behind::Borrowed {
        return;
    }
    let zeroes = vec![0; PAGE as usize];
    for offset in (0..leaf.size).step_by(PAGE as usize) {
        let page = leaf.written.get(&offset).unwrap_or(&zeroes);
        let same = memory.holds(leaf.physical + offset, page);
        assert!(
            same,
            "the bytes of the frame at {:#x}",
            leaf.physical + offset
        );
    }
}

/// What a leaf allows and says, on a processor that can do everything.
fn expected_flags(region: &PlainRegion, leaf: &PlainLeaf, half: Half) -> Flags {
    let mut flags = Flags::ACCESSED;
    // A hidden leaf has G in the place of P.
    let hidden = region.rights == Rights::NoAccess;
    flags.set(Flags::PRESENT, !hidden);
    let writable =
        region.rights == Rights::ReadWrite && !matches!(leaf.behind, Behind::Zero | Behind::Shared);
    flags.set(Flags::WRITABLE, writable);
    flags.set(Flags::NO_EXECUTE, region.rights != Rights::ReadExecute);
    flags.set(Flags::USER_ACCESSIBLE, region.user);
    flags.set(Flags::GLOBAL, half == KERNEL || hidden);
    flags.set(Flags::HUGE_PAGE, leaf.size > PAGE);
    flags.set(Flags::DIRTY, leaf.dirty);
    flags.set(Flags::BIT_11, leaf.behind == Behind::Shared);
    if let Backing::Device(..) = region.backing {
        flags |= Flags::NO_CACHE | Flags::WRITE_THROUGH | Flags::BIT_9;
    }
    flags
}
