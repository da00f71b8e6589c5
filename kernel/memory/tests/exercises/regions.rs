//! Chapter 5: regions and their backing.

use faultline_memory::Outcome;
use faultline_memory::space::{Backing, Request};

use crate::common::machine::Machine;
use crate::common::operations::{LOW, PAGE, at};

const BASE: u64 = 0x1_0000;

fn machine_with(backing: Backing, pages: u64) -> Machine {
    let mut machine = Machine::new();
    machine.allocate(LOW, Request::new(pages * PAGE, backing).placement(at(BASE)));
    machine
}

/// Frames for pages, and faults, of `count` bytes written from `start` on.
fn cost(backing: Backing, start: u64, count: u64) -> (u64, u64) {
    let mut machine = machine_with(backing, 4);
    for byte in start..start + count {
        machine.write(byte, 1).expect("writable");
    }
    (machine.counts().private, machine.faults())
}

/// Exercise 1. A hundred bytes take two pages exactly if they begin in the last 99 bytes of one: at offset 3,997 or later.
#[test]
fn a_hundred_bytes_straddle_from_99_of_4096_places() {
    for offset in [0, 1, 2_048, 3_995, 3_996] {
        assert_eq!(
            cost(Backing::Demand, BASE + offset, 100),
            (1, 1),
            "{offset}"
        );
    }
    for offset in [3_997, 3_998, 4_095] {
        assert_eq!(
            cost(Backing::Demand, BASE + offset, 100),
            (2, 2),
            "{offset}"
        );
    }
    assert_eq!(PAGE - 3_997, 99);
}

/// Exercise 2. Reading before writing costs zero backing a second fault for each page, and demand backing nothing; pages
/// that are only read cost demand backing a frame each, and zero backing none. With r pages only read and w pages read and
/// then written, demand takes r + w faults and r + w frames, zero r + 2w faults and w frames.
#[test]
fn zero_backing_pays_in_faults_what_it_saves_in_frames() {
    for (read_only, written) in [(8, 0), (5, 3), (0, 8)] {
        for backing in [Backing::Demand, Backing::Zero] {
            let mut machine = machine_with(backing, 8);
            for page in 0..read_only + written {
                machine.read(BASE + page * PAGE).expect("readable");
            }
            for page in read_only..read_only + written {
                machine.write(BASE + page * PAGE, 1).expect("writable");
            }
            let expected = match backing {
                Backing::Demand => (read_only + written, read_only + written),
                _ => (read_only + 2 * written, written),
            };
            assert_eq!((machine.faults(), machine.counts().private), expected);
        }
    }
}

/// Exercise 3. Fault-around 16 in 64 pages: one page of every sixteen is enough to have all.
#[test]
fn four_touches_fill_sixty_four_pages_by_sixteens() {
    let mut machine = Machine::new();
    let request = Request::new(64 * PAGE, Backing::Demand).fault_around(16);
    machine.allocate(LOW, request.placement(at(BASE)));
    for page in [7, 16, 47, 48] {
        machine.write(BASE + page * PAGE, 1).expect("writable");
        assert_eq!(machine.outcome(), Some(Outcome::Demand));
    }
    assert_eq!((machine.faults(), machine.counts().private), (4, 64));
}
