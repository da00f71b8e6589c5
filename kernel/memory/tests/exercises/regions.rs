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
/// then written, demand takes r + w faults and r + w frames, zero r + 2w faults and w frames. Zero is never worse in both:
/// it takes fewer frames, but where every page is written, and there as many.
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

/// Touches and frames of 64 pages from `base` on with fault-around 16, of which these are touched.
fn fills(base: u64, touched: &[u64]) -> (u64, u64) {
    let mut machine = Machine::new();
    let request = Request::new(64 * PAGE, Backing::Demand).fault_around(16);
    machine.allocate(LOW, request.placement(at(base)));
    for page in touched {
        machine.write(base + page * PAGE, 1).expect("writable");
        assert_eq!(machine.outcome(), Some(Outcome::Demand));
    }
    (machine.faults(), machine.counts().private)
}

/// Exercise 3. Fault-around 16 fills groups of sixteen pages, aligned to 64 KiB: one touch in each of them is enough. A
/// region of 64 pages that is aligned likewise has four groups; any other has five, of which two are parts.
#[test]
fn one_touch_in_each_aligned_group_fills_sixty_four_pages_by_sixteens() {
    assert_eq!(fills(BASE, &[7, 16, 47, 48]), (4, 64));
    assert_eq!(fills(BASE + PAGE, &[7, 16, 46, 47]), (4, 63));
    assert_eq!(fills(BASE + PAGE, &[7, 16, 46, 47, 63]), (5, 64));
}
