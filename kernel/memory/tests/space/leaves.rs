//! What a half holds: each leaf and each table, once and as what it is, and
//! what of a range is mapped.

use faultline_memory::paging::{Cache, LeafSize};
use faultline_memory::space::{Backing, Content, Leaf, Request, Resident};
use x86_64::VirtAddr;

use crate::common::machine::{KERNEL_BASE, Machine};
use crate::common::operations::{BIG, Half, KERNEL, LOW, PAGE, at};

const BASE: u64 = 0x4000_0000;

/// All leaves of a half.
fn leaves(machine: &Machine, half: Half) -> Vec<Leaf> {
    let half = machine.half(half);
    half.leaves(VirtAddr::zero(), u64::MAX).collect()
}

/// The tables of a half.
fn tables(machine: &Machine, half: Half) -> Vec<u64> {
    let mut tables = Vec::new();
    machine
        .half(half)
        .tables(|table| tables.push(table.start_address().as_u64()));
    tables
}

/// The frames behind the private leaves of a half.
fn private(machine: &Machine, half: Half) -> Vec<u64> {
    let leaves = leaves(machine, half).into_iter();
    leaves
        .filter_map(|leaf| match leaf.content {
            Content::Private(start) => Some((start.as_u64(), leaf.size.frames())),
            Content::Zero(_)
            | Content::Shared(_)
            | Content::Object(_)
            | Content::Borrowed(_)
            | Content::Fixed(_) => None,
        })
        .flat_map(|(start, frames)| (0..frames).map(move |frame| start + frame * PAGE))
        .collect()
}

/// What of a range is mapped: leaves that reach across its ends count with what
/// they have in it.
fn mapped(machine: &Machine, half: Half, start: u64, end: u64) -> Resident {
    let mut mapped = Resident::default();
    for leaf in machine.half(half).leaves(VirtAddr::new(start), end) {
        let first = leaf.page.as_u64();
        let frames = ((first + leaf.size.bytes()).min(end) - first.max(start)) / PAGE;
        match leaf.content {
            Content::Zero(_) => mapped.zero += frames,
            Content::Private(_) => mapped.private += frames,
            Content::Shared(_) | Content::Object(_) => mapped.shared += frames,
            Content::Borrowed(_) => mapped.borrowed += frames,
            Content::Fixed(_) => {}
        }
    }
    mapped
}

#[test]
fn tables_and_private_frames_add_up_to_the_counters() {
    let mut machine = Machine::new();
    let large = Request::new(BIG, Backing::Demand).page_size(LeafSize::Size2MiB);
    machine.allocate(LOW, large.placement(at(BASE)));
    machine.write(BASE, 1).expect("writable");
    let small = Request::new(64 * PAGE, Backing::Demand).placement(at(BASE + 8 * BIG));
    machine.allocate(LOW, small);
    for page in [0, 1, 2, 40, 63] {
        let address = BASE + 8 * BIG + page * PAGE;
        machine.write(address, 1).expect("writable");
    }
    machine.allocate(KERNEL, Request::new(3 * PAGE, Backing::Immediate));
    let counts = machine.counts();
    assert_eq!(counts.private, 512 + 5 + 3);
    assert_eq!(private(&machine, LOW).len(), 512 + 5);
    assert_eq!(private(&machine, KERNEL).len(), 3);
    let tables = [LOW, KERNEL].map(|half| tables(&machine, half).len() as u64);
    assert_eq!(tables[0] + tables[1], counts.tables);
    machine.check();
}

#[test]
fn every_frame_in_use_is_named_once_and_as_what_it_is() {
    let mut machine = Machine::new();
    let demand = Request::new(64 * PAGE, Backing::Demand);
    machine.allocate(LOW, demand.placement(at(BASE)));
    // In an order in which neighbouring frames are not at neighbouring pages.
    let pages = [0, 40, 1, 41, 20, 2, 63];
    for page in pages {
        machine.write(BASE + page * PAGE, 1).expect("writable");
    }
    machine.allocate(KERNEL, Request::new(3 * PAGE, Backing::Immediate));
    let found = private(&machine, LOW);
    let mut sorted = pages;
    sorted.sort_unstable();
    let behind = sorted.map(|page| machine.physical_of(0, BASE + page * PAGE));
    assert_eq!(found, behind.map(|frame| frame.expect("it was written")));
    let mut all = found;
    all.extend(private(&machine, KERNEL));
    all.extend(tables(&machine, LOW));
    all.extend(tables(&machine, KERNEL));
    let count = all.len() as u64;
    assert_eq!(count, machine.counts().private + machine.counts().tables);
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len() as u64, count, "each once");
}

#[test]
fn the_zero_frame_is_nobodys_and_a_devices_frames_are_borrowed() {
    let mut machine = Machine::new();
    let zero = Request::new(4 * PAGE, Backing::Zero).placement(at(BASE));
    machine.allocate(LOW, zero);
    machine.read(BASE).expect("readable");
    let device = Backing::Device(machine.device(), Cache::Uncached);
    machine.allocate(KERNEL, Request::new(2 * PAGE, device));
    assert_eq!(private(&machine, LOW), [0_u64; 0]);
    assert_eq!(private(&machine, KERNEL), [0_u64; 0]);
    let zero = machine.memory.zero_frame().start_address();
    assert_eq!(leaves(&machine, LOW)[..].len(), 1);
    assert_eq!(leaves(&machine, LOW)[0].content, Content::Zero(zero));
    let end = KERNEL_BASE + 2 * PAGE;
    assert_eq!(mapped(&machine, KERNEL, KERNEL_BASE, end).borrowed, 2);
}

#[test]
fn leaves_come_in_the_order_of_their_pages_each_with_its_own_memory() {
    let mut machine = Machine::new();
    let device = Backing::Device(machine.device(), Cache::Uncached);
    machine.allocate(KERNEL, Request::new(4 * PAGE, device));
    let expected = [0, 1, 2, 3].map(|page| Leaf {
        page: VirtAddr::new(KERNEL_BASE + page * PAGE),
        size: LeafSize::Size4KiB,
        content: Content::Borrowed(machine.device() + page * PAGE),
    });
    assert_eq!(leaves(&machine, KERNEL), expected);
}

#[test]
fn what_is_fixed_is_named_as_fixed_and_counted_nowhere() {
    let mut machine = Machine::new();
    let (start, base) = (machine.device(), crate::common::machine::FIXED_BASE);
    let fixed = Request::new(PAGE, Backing::Fixed).placement(at(base));
    // SAFETY: simulated memory stays, and no Rust reference covers it.
    let region = unsafe { machine.kernel.map_fixed(fixed, start, &machine.memory) };
    let region = region.expect("a slot of its own");
    let contents: Vec<_> = leaves(&machine, KERNEL)
        .into_iter()
        .map(|leaf| leaf.content)
        .collect();
    assert_eq!(contents, [Content::Fixed(start)]);
    assert_eq!(machine.kernel.resident(&region), Resident::default());
    machine.check();
}

#[test]
fn a_range_has_every_leaf_that_maps_something_in_it_and_no_other() {
    let mut machine = Machine::new();
    let large = Request::new(2 * BIG, Backing::Demand).page_size(LeafSize::Size2MiB);
    machine.allocate(LOW, large.placement(at(BASE)));
    machine.write(BASE + BIG, 1).expect("writable");
    let after = Request::new(PAGE, Backing::Immediate).placement(at(BASE + 2 * BIG));
    machine.allocate(LOW, after);
    let pages = |start: u64, end: u64| -> Vec<u64> {
        let leaves = machine.half(LOW).leaves(VirtAddr::new(start), end);
        leaves.map(|leaf| leaf.page.as_u64() - BASE).collect()
    };
    assert_eq!(pages(BASE, BASE + BIG), [0_u64; 0]);
    assert_eq!(pages(BASE, BASE + BIG + 1), [BIG], "it ends behind the end");
    let last = BASE + 2 * BIG - 1;
    assert_eq!(pages(last, last + 1), [BIG], "it begins before the start");
    assert_eq!(pages(last, last + 2), [BIG, 2 * BIG]);
    assert_eq!(pages(last + 1, last + 2), [2 * BIG]);
    assert_eq!(pages(last + 1, last + 1), [0_u64; 0]);
}

#[test]
fn a_large_page_counts_in_each_range_with_the_frames_it_has_there() {
    let mut machine = Machine::new();
    let large = Request::new(2 * BIG, Backing::Demand).page_size(LeafSize::Size2MiB);
    machine.allocate(LOW, large.placement(at(BASE)));
    machine.write(BASE + BIG, 1).expect("writable");
    let eighth = |part| {
        let start = BASE + part * BIG / 4;
        mapped(&machine, LOW, start, start + BIG / 4).private
    };
    let private = [0, 1, 2, 3, 4, 5, 6, 7].map(eighth);
    assert_eq!(private, [0, 0, 0, 0, 128, 128, 128, 128]);
}

#[test]
fn pages_count_in_the_range_that_they_lie_in() {
    let mut machine = Machine::new();
    let request = Request::new(10 * PAGE, Backing::Zero).placement(at(BASE));
    machine.allocate(LOW, request);
    machine.read(BASE + 2 * PAGE).expect("readable");
    machine.write(BASE + 9 * PAGE, 1).expect("writable");
    let parts = [(0, 3), (3, 6), (6, 10)]
        .map(|(from, to)| mapped(&machine, LOW, BASE + from * PAGE, BASE + to * PAGE));
    assert_eq!(parts.map(|part| part.zero), [1, 0, 0]);
    assert_eq!(parts.map(|part| part.private), [0, 0, 1]);
}

#[test]
fn leaves_with_any_number_of_unused_entries_between_them_are_met_each_once() {
    let mut machine = Machine::new();
    let pages = [0, 1, 9, 17, 26, 34, 511, 512, 1026, 1 << 18, (1 << 18) + 8];
    let request = Request::new(2 << 30, Backing::Demand);
    machine.allocate(LOW, request.placement(at(BASE)));
    for page in pages {
        machine.write(BASE + page * PAGE, 1).expect("writable");
    }
    let met = |from: u64, end: u64| -> Vec<u64> {
        let leaves = machine
            .half(LOW)
            .leaves(VirtAddr::new(BASE + from * PAGE), BASE + end * PAGE);
        leaves
            .map(|leaf| (leaf.page.as_u64() - BASE) / PAGE)
            .collect()
    };
    for from in 0..40 {
        for end in [from + 1, from + 8, 100, 511, 512, 513, 2 << 18] {
            let expected = pages.into_iter().filter(|page| (from..end).contains(page));
            assert_eq!(
                met(from, end),
                expected.collect::<Vec<_>>(),
                "{from} to {end}"
            );
        }
    }
}
