//! Reserved pages: no frame until they are touched, and then always one.

use faultline_memory::frames::Shortage;
use faultline_memory::space::{Backing, Request, ReserveError};
use faultline_memory::{Outcome, Refusal};
use x86_64::VirtAddr;
use x86_64::structures::paging::PageTableFlags;

use crate::common::machine::{FIRST_TABLES, KERNEL_BASE, Machine};
use crate::common::operations::{BIG, Half, KERNEL, LOW, PAGE, at};

const BASE: u64 = 0x4000_0000;

fn machine_with(half: Half, base: u64, pages: u64) -> Machine {
    let mut machine = Machine::new();
    let request = Request::new(pages * PAGE, Backing::Demand);
    machine.allocate(half, request.placement(at(base)));
    machine
}

fn reserve(machine: &mut Machine, start: u64, pages: u64) -> Result<u64, ReserveError> {
    let start = VirtAddr::new(start);
    let result = machine.with(LOW, |space, memory| {
        space.reserve(start, pages * PAGE, memory)
    });
    machine.check();
    result
}

fn unreserve(machine: &mut Machine, start: u64, pages: u64) -> Result<u64, ReserveError> {
    let start = VirtAddr::new(start);
    let result = machine.with(LOW, |space, memory| {
        space.unreserve(start, pages * PAGE, memory)
    });
    machine.check();
    result
}

#[test]
fn a_reservation_takes_the_tables_and_no_frame_for_a_page() {
    let mut machine = machine_with(LOW, BASE, 10);
    let before = machine.counts();
    assert_eq!(reserve(&mut machine, BASE + PAGE, 4), Ok(4));
    let counts = machine.counts();
    assert_eq!((counts.kept_back, counts.private), (4, 0));
    assert_eq!(counts.tables, FIRST_TABLES + 4);
    assert_eq!(counts.free, before.free - 3);
    assert_eq!(reserve(&mut machine, BASE, 6), Ok(2), "the others have one");
    assert_eq!(machine.check().reserved, 6);
}

#[test]
fn what_is_unreserved_is_counted_and_the_rest_stays_reserved() {
    let mut machine = machine_with(LOW, BASE, 10);
    assert_eq!(reserve(&mut machine, BASE, 6), Ok(6));
    assert_eq!(unreserve(&mut machine, BASE + 2 * PAGE, 3), Ok(3));
    assert_eq!(unreserve(&mut machine, BASE + PAGE, 5), Ok(2), "3 had none");
    assert_eq!(machine.check().reserved, 1);
}

#[test]
fn a_reserved_page_gets_its_frame_when_nobody_else_gets_one() {
    let mut machine = machine_with(LOW, BASE, 10);
    assert_eq!(reserve(&mut machine, BASE, 3), Ok(3));
    machine.limit(0);
    for page in 0..3 {
        machine.write(BASE + page * PAGE, 7).expect("reserved");
        assert_eq!(machine.outcome(), Some(Outcome::Demand));
        assert_eq!(machine.read(BASE + page * PAGE), Ok(7));
        machine.check();
    }
    assert_eq!(machine.read(BASE + 3 * PAGE), Err(Refusal::OutOfFrames));
    let counts = machine.counts();
    assert_eq!((counts.kept_back, counts.private), (0, 3));
    assert_eq!(counts.limit, Some(0));
}

#[test]
fn a_reserved_page_that_is_read_is_clean() {
    let mut machine = machine_with(LOW, BASE, 1);
    assert_eq!(reserve(&mut machine, BASE, 1), Ok(1));
    assert_eq!(machine.read(BASE), Ok(0));
    let is_dirty = |machine: &mut Machine| {
        let walk = machine.space(0).walk(VirtAddr::new(BASE));
        walk.end().entry.flags().contains(PageTableFlags::DIRTY)
    };
    assert!(!is_dirty(&mut machine));
    machine.write(BASE, 1).expect("writable");
    assert!(is_dirty(&mut machine));
}

#[test]
fn reserved_frames_are_free_and_handed_out_to_nobody_else() {
    let mut machine = machine_with(LOW, BASE, 1500);
    let other = Request::new(600 * PAGE, Backing::Immediate);
    let fits = machine.counts().free - 1000;
    assert_eq!(reserve(&mut machine, BASE, 1000), Ok(1000));
    assert!(machine.counts().free >= fits + 900);
    let mut taken = 0;
    while machine.try_allocate(LOW, other).is_ok() {
        taken += 600;
    }
    assert!(
        taken <= fits && taken + 600 + 10 > fits,
        "{taken} of {fits}"
    );
    for page in 0..1000 {
        machine.write(BASE + page * PAGE, 1).expect("reserved");
    }
    assert_eq!(machine.counts().kept_back, 0);
}

#[test]
fn more_than_there_is_cannot_be_reserved_and_nothing_changes() {
    let mut machine = machine_with(KERNEL, KERNEL_BASE, 3 * 512);
    machine.write(KERNEL_BASE, 1).expect("writable");
    // Two more tables are needed besides the frames of the pages.
    machine.limit(3 * 512 - 1 + 1);
    let before = machine.counts();
    let start = VirtAddr::new(KERNEL_BASE);
    let size = 3 * BIG;
    let refused = machine.with(KERNEL, |space, memory| space.reserve(start, size, memory));
    let shortage = Shortage {
        needed: 3 * 512 - 1 + 2,
        available: 3 * 512,
    };
    assert_eq!(refused, Err(ReserveError::OutOfFrames(shortage)));
    assert_eq!(machine.counts(), before);
    machine.limit(3 * 512 - 1 + 2);
    let reserved = machine.with(KERNEL, |space, memory| space.reserve(start, size, memory));
    assert_eq!(reserved, Ok(3 * 512 - 1));
    machine.check();
    assert_eq!(machine.counts().limit, Some(0));
}

#[test]
fn what_was_touched_stays_when_the_rest_is_unreserved() {
    let mut machine = machine_with(LOW, BASE, 10);
    reserve(&mut machine, BASE, 10).expect("frames enough");
    machine.write(BASE + 4 * PAGE, 5).expect("reserved");
    assert_eq!(unreserve(&mut machine, BASE, 10), Ok(9));
    assert_eq!(machine.counts().kept_back, 0);
    assert_eq!(machine.read(BASE + 4 * PAGE), Ok(5));
    assert_eq!(machine.outcome(), None);
    assert_eq!(machine.discard(LOW, BASE, 10 * PAGE), 1);
    assert_eq!(machine.counts().tables, FIRST_TABLES + 1);
}

#[test]
fn discard_and_free_take_reservations_away_with_the_tables() {
    let mut machine = machine_with(LOW, BASE, 1024);
    reserve(&mut machine, BASE, 1024).expect("frames enough");
    assert_eq!(machine.counts().tables, FIRST_TABLES + 5);
    assert_eq!(machine.discard(LOW, BASE, 512 * PAGE), 0);
    assert_eq!(machine.counts().kept_back, 512);
    assert_eq!(machine.counts().tables, FIRST_TABLES + 4);
    assert_eq!(machine.free(LOW, BASE), 0);
    let counts = machine.counts();
    assert_eq!((counts.kept_back, counts.tables), (0, FIRST_TABLES + 1));
}

#[test]
fn only_whole_pages_of_demand_regions_are_reserved() {
    let mut machine = machine_with(LOW, BASE, 4);
    let zero = Request::new(2 * PAGE, Backing::Zero).placement(at(BASE + 4 * PAGE));
    machine.allocate(LOW, zero);
    let base = VirtAddr::new(BASE + 4 * PAGE);
    let refused = ReserveError::NotOnDemand {
        base,
        backing: Backing::Zero,
    };
    for call in [reserve, unreserve] {
        assert_eq!(call(&mut machine, BASE, 5), Err(refused));
        let gap = ReserveError::NoRegion {
            address: BASE - PAGE,
        };
        assert_eq!(call(&mut machine, BASE - PAGE, 2), Err(gap));
        let unaligned = ReserveError::Unaligned {
            start: VirtAddr::new(BASE + 8),
            size: PAGE,
        };
        assert_eq!(call(&mut machine, BASE + 8, 1), Err(unaligned));
        let nothing = ReserveError::Unaligned {
            start: VirtAddr::new(BASE),
            size: 0,
        };
        assert_eq!(call(&mut machine, BASE, 0), Err(nothing));
    }
    assert_eq!(machine.counts().kept_back, 0);
}

#[test]
fn pages_that_hold_a_frame_differ_from_those_that_are_only_reserved() {
    let mut machine = machine_with(LOW, BASE, 2000);
    reserve(&mut machine, BASE, 700).expect("frames enough");
    for page in [3, 4, 5, 511, 512, 1999] {
        machine.write(BASE + page * PAGE, 1).expect("writable");
    }
    let leaves = machine
        .half(LOW)
        .leaves(VirtAddr::new(BASE), BASE + 2000 * PAGE);
    let held: Vec<_> = leaves
        .map(|leaf| (leaf.page.as_u64() - BASE) / PAGE)
        .collect();
    assert_eq!(held, [3, 4, 5, 511, 512, 1999]);
}

#[test]
fn a_refused_reservation_says_why() {
    let at = VirtAddr::new(0x5000);
    for (refused, words) in [
        (ReserveError::NoRegion { address: 0x5000 }, "0x5000"),
        (
            ReserveError::NotOnDemand {
                base: at,
                backing: Backing::Zero,
            },
            "the region at 0x5000 has zero backing: only pages of demand regions are reserved",
        ),
        (
            ReserveError::OutOfFrames(Shortage {
                needed: 5,
                available: 4,
            }),
            "the reservation needs 5 frames, and 4 may be handed out: free some memory, or raise the limit",
        ),
    ] {
        let text = refused.to_string();
        assert!(text.contains(words), "{text}");
    }
}
