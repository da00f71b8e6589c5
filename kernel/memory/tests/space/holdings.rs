//! What a half says that it holds, and what of a region's parts is mapped.

use memory::paging::{Cache, LeafSize};
use memory::space::{Backing, Held, Holding, Request, Resident};

use crate::common::machine::Machine;
use crate::common::operations::{BIG, LOW, PAGE, at};

const BASE: u64 = 0x4000_0000;

/// Frames that the kernel half and space 0 hold as `holding`.
fn held(machine: &mut Machine, holding: Holding) -> u64 {
    let mut frames = 0;
    for half in [None, LOW] {
        machine.with(half, |space, memory| {
            space.holdings(physical, |held| {
                frames += if held.holding == holding {
                    held.frames
                } else {
                    0
                };
            });
        });
    }
    frames
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
    machine.allocate(None, Request::new(3 * PAGE, Backing::Immediate));
    let counts = machine.counts();
    assert_eq!(counts.private, 512 + 5 + 3);
    assert_eq!(held(&mut machine, Holding::Private), counts.private);
    assert_eq!(held(&mut machine, Holding::Table), counts.tables);
    machine.check();
}

#[test]
fn every_frame_in_use_is_told_once_and_as_what_it_is() {
    let mut machine = Machine::new();
    let demand = Request::new(64 * PAGE, Backing::Demand);
    machine.allocate(LOW, demand.placement(at(BASE)));
    // In an order in which neighbouring frames are not at neighbouring pages.
    for page in [0, 40, 1, 41, 20, 2, 63] {
        machine.write(BASE + page * PAGE, 1).expect("writable");
    }
    machine.allocate(None, Request::new(3 * PAGE, Backing::Immediate));
    let mut told = Vec::new();
    for half in [None, LOW] {
        machine.with(half, |space, memory| {
            space.holdings(physical, |held| {
                let start = held.start.as_u64();
                told.extend((0..held.frames).map(|n| (start + n * PAGE, held.holding)));
            });
        });
    }
    let mut mapped: Vec<_> = [0, 40, 1, 41, 20, 2, 63]
        .map(|page| machine.physical_of(0, BASE + page * PAGE))
        .into_iter()
        .flatten()
        .collect();
    mapped.sort_unstable();
    let count = told.len() as u64;
    assert_eq!(count, machine.counts().private + machine.counts().tables);
    told.sort_unstable_by_key(|(address, _)| *address);
    told.dedup();
    assert_eq!(told.len() as u64, count, "each once");
    told.retain(|told| mapped.contains(&told.0));
    assert_eq!(
        told,
        mapped
            .into_iter()
            .map(|it| (it, Holding::Private))
            .collect::<Vec<_>>()
    );
}

#[test]
fn the_zero_frame_is_nobodys_and_a_devices_frames_are_borrowed() {
    let mut machine = Machine::new();
    let zero = Request::new(4 * PAGE, Backing::Zero).placement(at(BASE));
    machine.allocate(LOW, zero);
    machine.read(BASE).expect("readable");
    let device = Backing::Device(machine.device(), Cache::Uncached);
    machine.allocate(None, Request::new(2 * PAGE, device));
    assert_eq!(held(&mut machine, Holding::Private), 0);
    assert_eq!(held(&mut machine, Holding::Borrowed), 2);
}

#[test]
fn neighbouring_frames_are_told_together() {
    let mut machine = Machine::new();
    let device = Backing::Device(machine.device(), Cache::Uncached);
    machine.allocate(None, Request::new(4 * PAGE, device));
    let expected = Held {
        holding: Holding::Borrowed,
        start: machine.device(),
        frames: 4,
    };
    let mut told = Vec::new();
    machine.with(None, |space, memory| {
        space.holdings(physical, |held| told.push(held));
    });
    told.retain(|held| held.holding == Holding::Borrowed);
    assert_eq!(told, [expected]);
}

#[test]
fn a_large_page_is_shared_out_among_the_parts_of_its_region() {
    let mut machine = Machine::new();
    let large = Request::new(2 * BIG, Backing::Demand).page_size(LeafSize::Size2MiB);
    let region = machine.allocate(LOW, large.placement(at(BASE)));
    machine.write(BASE + BIG, 1).expect("writable");
    let mut parts = [Resident::default(); 8];
    machine.with(LOW, |space, memory| {
        space.resident_parts(&region, physical, &mut parts);
    });
    let private = parts.map(|part| part.private);
    assert_eq!(private, [0, 0, 0, 0, 128, 128, 128, 128]);
}

#[test]
fn pages_count_in_the_part_that_they_lie_in() {
    let mut machine = Machine::new();
    let request = Request::new(10 * PAGE, Backing::Zero).placement(at(BASE));
    let region = machine.allocate(LOW, request);
    machine.read(BASE + 2 * PAGE).expect("readable");
    machine.write(BASE + 9 * PAGE, 1).expect("writable");
    let mut parts = [Resident::default(); 3];
    machine.with(LOW, |space, memory| {
        space.resident_parts(&region, physical, &mut parts);
    });
    // Parts of 3, 3 and 4 pages.
    assert_eq!(parts.map(|part| part.zero), [1, 0, 0]);
    assert_eq!(parts.map(|part| part.private), [0, 0, 1]);
}
