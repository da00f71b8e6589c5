//! What is broken, word for word as people read it.

use super::*;

const ROOT: u64 = 0x5000;
const LEAF: &str = "the leaf at 0x400000 in the kernel half, frame 0x1000000";

fn space() -> Scope {
    Scope::Space(PhysFrame::containing_address(PhysAddr::new(ROOT)))
}

fn leaf(defect: LeafDefect) -> Broken {
    Broken::Leaf {
        space: Scope::Kernel,
        address: VirtAddr::new(LOW),
        frame: PhysAddr::new(START),
        defect,
    }
}

fn table(defect: TableDefect) -> Broken {
    Broken::Table {
        space: space(),
        level: 2,
        address: VirtAddr::new(LOW),
        table: PhysAddr::new(START),
        defect,
    }
}

fn region(defect: RegionDefect) -> Broken {
    Broken::Region {
        space: Scope::Kernel,
        base: VirtAddr::new(LOW),
        defect,
    }
}

/// Each of them reads as `before`, followed by its own words.
fn assert_words<const N: usize>(before: &str, broken: [Broken; N], words: [&str; N]) {
    for (broken, words) in broken.into_iter().zip(words) {
        assert_eq!(format!("{broken}"), format!("{before}{words}"));
    }
}

fn count(counter: Counter) -> Broken {
    Broken::Count {
        counter,
        says: 7,
        found: 6,
    }
}

#[test]
fn an_audit_that_was_asked_wrong_is_no_broken_invariant() {
    let short = Broken::ScratchTooShort {
        needed: 256,
        given: 255,
    };
    let line = format!("{short}");
    assert_eq!(line, "no audit: it needs 256 words of scratch, not 255");
}

#[test]
fn a_leaf_is_named_with_its_address_half_frame_and_defect() {
    let leaf_of = |invariant| format!("invariant {invariant} is broken: {LEAF}: ");
    let broken = [
        LeafDefect::OtherMemory,
        LeafDefect::BorrowsManaged,
        LeafDefect::Frame {
            conflict: Conflict::Free,
        },
    ]
    .map(leaf);
    let words = [
        "it maps other memory than its device's or object's",
        "it borrows memory that the frame allocator manages",
        "the frame is free",
    ];
    assert_words(&leaf_of(1), broken, words);
    let broken = [
        LeafDefect::NoRegion,
        LeafDefect::AcrossRegions,
        LeafDefect::InGuard,
        LeafDefect::Bits { bits: 0x18 },
        LeafDefect::ReservedBits { bits: 0x1_4000 },
        LeafDefect::Unknown,
    ]
    .map(leaf);
    let words = [
        "it lies in no region",
        "it does not lie within its region as a whole",
        "its region is a guard, where nothing may be mapped",
        "its bits 0x18 are not what its region asks for",
        "the processor reserves its bits 0x14000",
        "it is neither present nor zero, nor that of a reserved page",
    ];
    assert_words(&leaf_of(2), broken, words);
    let broken = [
        LeafDefect::ZeroFrame,
        LeafDefect::ZeroWritable,
        LeafDefect::WritableAndExecutable,
    ]
    .map(leaf);
    let words = [
        "it maps the zero frame, and its region is not zero-backed",
        "it maps the zero frame and may be written through",
        "with it, the frame is both writable and executable",
    ];
    assert_words(&leaf_of(3), broken, words);
}

#[test]
fn a_right_too_many_or_too_few_is_named() {
    let rights = [
        (Right::Write, "write"),
        (Right::Execute, "execute"),
        (Right::User, "user"),
        (Right::Global, "global"),
    ];
    for (right, name) in rights {
        let excess = format!("{}", leaf(LeafDefect::Excess { right }));
        let words = format!(": it gives the right '{name}', which its region does not");
        assert!(excess.ends_with(&words), "{excess}");
        let lack = format!("{}", leaf(LeafDefect::Lack { right }));
        let words = format!(": it lacks the right '{name}', which its region gives");
        assert!(lack.ends_with(&words), "{lack}");
    }
}

#[test]
fn a_table_is_named_with_its_level_place_space_and_defect() {
    let place = "the level 2 table at 0x1000000 for 0x400000 in the space of root 0x5000: ";
    let broken = [TableDefect::Bits { bits: 0x2 }].map(table);
    let words = ["bits 0x2 of the entry that points to it are wrong"];
    assert_words(&format!("invariant 2 is broken: {place}"), broken, words);
    let broken = [
        TableDefect::Empty,
        TableDefect::InUse { says: 2, found: 1 },
        TableDefect::Missing,
        TableDefect::NotShared,
        TableDefect::StaleCursor,
    ]
    .map(table);
    let words = [
        "it is kept, and no entry of it is in use",
        "of its entries 2 are counted as in use, and the audit found 1",
        "it is gone",
        "the root has another entry there than the kernel's root",
        "the cursor stands in other tables than those on its way",
    ];
    assert_words(&format!("invariant 4 is broken: {place}"), broken, words);
}

#[test]
fn a_frame_that_is_two_things_is_called_what_it_is() {
    let conflicts = [
        Conflict::Unmanaged,
        Conflict::Free,
        Conflict::Reserved,
        Conflict::Zero,
        Conflict::Table,
        Conflict::Records,
        Conflict::Private,
    ];
    let words = [
        "the frame is in no range of the memory map",
        "the frame is free",
        "the frame is reserved and was not handed out",
        "the frame is the zero frame",
        "the frame holds a page table already",
        "the frame holds region records",
        "the frame is the private frame of a page already",
    ];
    let before = "invariant 1 is broken: the level 2 table at 0x1000000 for 0x400000 in the \
                  space of root 0x5000: ";
    let of_table = |conflict| table(TableDefect::Frame { conflict });
    assert_words(before, conflicts.map(of_table), words);
    let before = "invariant 1 is broken: the frame 0x7000 of region records in the kernel half: ";
    let of_record = |conflict| Broken::RecordFrame {
        space: Scope::Kernel,
        frame: PhysAddr::new(0x7000),
        conflict,
    };
    assert_words(before, conflicts.map(of_record), words);
}

#[test]
fn a_region_is_named_with_its_base_half_and_defect() {
    let place = "the region at 0x400000 in the kernel half: ";
    let broken = [RegionDefect::NotResident {
        address: VirtAddr::new(LOW + PAGE),
    }]
    .map(region);
    let words = ["nothing is mapped at 0x401000, and all of it should be"];
    assert_words(&format!("invariant 4 is broken: {place}"), broken, words);
    let broken = [
        RegionDefect::Unaligned,
        RegionDefect::OutsideHalf,
        RegionDefect::TornOff,
        RegionDefect::User,
        RegionDefect::Derived,
    ]
    .map(region);
    let words = [
        "base and size are not whole pages",
        "it does not lie where regions are placed",
        "the region that it continues does not lie before it",
        "user mode may not access the kernel half",
        "what is kept beside it for its faults does not follow from it",
    ];
    assert_words(&format!("invariant 5 is broken: {place}"), broken, words);
}

#[test]
fn a_tree_of_regions_is_named_with_its_half_node_and_defect() {
    use crate::space::RecordsDefect as Defect;
    let node = PhysAddr::new(0x7000);
    let broken = [
        Defect::Frame { node },
        Defect::Level { node },
        Defect::Filling { node },
        Defect::Order { node },
        Defect::Gap { node },
        Defect::Note { node, entry: 3 },
        Defect::Records { found: 7 },
        Defect::Nodes { found: 2 },
        Defect::LastHit,
    ]
    .map(|defect| Broken::Records {
        space: Scope::Kernel,
        defect,
    });
    let words = [
        "the node at 0x7000 names another frame as its own",
        "the node at 0x7000 is on the wrong level",
        "the node at 0x7000 is not filled as it says",
        "the regions in the node at 0x7000 are out of order",
        "the node at 0x7000 notes a wrong largest gap",
        "entry 3 of the node at 0x7000 notes a wrong span",
        "it holds 7 regions, and counts others",
        "it has 2 nodes, and counts others",
        "the record that was hit last is not in it",
    ];
    let before = "invariant 5 is broken: the tree of regions in the kernel half: ";
    assert_words(before, broken, words);
}

#[test]
fn a_counter_is_named_with_what_it_says_and_what_was_found() {
    let broken = [
        Counter::Total,
        Counter::Free,
        Counter::Used,
        Counter::Reserved,
        Counter::KeptBack,
        Counter::Tables,
        Counter::Kernel,
        Counter::Private,
        Counter::Shared,
        Counter::Zero,
        Counter::Borrowed,
        Counter::Refused,
        Counter::UsedSlots,
        Counter::SavedPages,
        Counter::Resident,
    ]
    .map(count);
    let words = [
        "frames in all: the counter says 7, and the audit found 6",
        "free frames: the counter says 7, and the audit found 6",
        "used frames: the counter says 7, and the audit found 6",
        "reserved frames: the counter says 7, and the audit found 6",
        "frames kept back: the counter says 7, and the audit found 6",
        "frames of tables: the counter says 7, and the audit found 6",
        "frames of the kernel: the counter says 7, and the audit found 6",
        "private frames: the counter says 7, and the audit found 6",
        "shared frames: the counter says 7, and the audit found 6",
        "zero frames: the counter says 7, and the audit found 6",
        "borrowed frames: the counter says 7, and the audit found 6",
        "frames refused when given back: the counter says 7, and the audit found 6",
        "used slots: the counter says 7, and the audit found 6",
        "pages that still have a slot: the counter says 7, and the audit found 6",
        "resident frames: the counter says 7, and the audit found 6",
    ];
    assert_words("invariant 1 is broken: ", broken, words);
}

#[test]
fn what_has_no_half_is_named_as_well() {
    let lines = [
        (
            Broken::Bitmap {
                block: PhysAddr::new(START),
            },
            "invariant 1 is broken: bitmap, count and summaries differ for the 2 MiB of \
             memory from 0x1000000 on",
        ),
        (
            Broken::ZeroFrame {
                address: PhysAddr::new(START + 5),
            },
            "invariant 3 is broken: the zero frame holds another byte than 0 at 0x1000005",
        ),
        (
            Broken::SlotTable {
                table: PhysAddr::new(START),
                defect: TableDefect::Empty,
            },
            "invariant 4 is broken: the table of slots at 0x1000000: it is kept, and no entry of it is in use",
        ),
        (
            Broken::Leaked { count: 4 },
            "invariant 6 is broken: leaves and tables lost in batches that were not finished: 4",
        ),
    ];
    for (broken, expected) in lines {
        assert_eq!(format!("{broken}"), expected);
    }
}

#[test]
fn a_slot_is_named_with_what_is_wrong() {
    use crate::audit::SlotDefect as Defect;
    let broken = [
        Defect::Free,
        Defect::Owners { says: 2, found: 1 },
        Defect::PastEnd,
        Defect::NoPage {
            frame: PhysAddr::new(0x7000),
        },
    ]
    .map(|defect| Broken::Slot {
        slot: crate::Slot(9),
        defect,
    });
    let words = [
        "named, but free",
        "2 owners by its count, and the audit found 1",
        "used, though there are not so many slots",
        "noted for the frame 0x7000, which is no page's",
    ];
    assert_words("invariant 6 is broken: slot 9: ", broken, words);
}
