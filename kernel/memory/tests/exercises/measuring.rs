//! Chapter 10: measuring.

#[path = "starts/measuring.rs"]
mod start;

use faultline_memory::Access;
use faultline_memory::paging::LeafSize;
use faultline_memory::space::{Backing, Request};

use crate::common::machine::Machine;
use crate::common::operations::{LOW, PAGE, at};

const BASE: u64 = 0x40_0000;
const PAGES: u64 = 64;

/// Frames for data, tables and faults of one row of the tour `policies`, on a processor that has no instructions.
fn row(request: Request, accesses: &[(Access, usize)]) -> (u64, u64, u64) {
    let mut machine = Machine::new();
    let before = machine.counts();
    machine.allocate(LOW, request.placement(at(BASE)));
    for &(access, stride) in accesses {
        for page in (0..PAGES).step_by(stride) {
            machine
                .access(0, BASE + page * PAGE, access, false)
                .expect("allowed");
        }
    }
    machine.check();
    let after = machine.counts();
    let data = after.private - before.private;
    (data, after.tables - before.tables, machine.faults())
}

/// The five rows of one workload, in the tour's order.
fn rows(accesses: &[(Access, usize)]) -> [(u64, u64, u64); 5] {
    let small = |backing| Request::new(PAGES * PAGE, backing);
    let large = small(Backing::Demand).page_size(LeafSize::Size2MiB);
    let requests = [
        small(Backing::Immediate),
        small(Backing::Demand),
        small(Backing::Demand).fault_around(16),
        small(Backing::Zero),
        large,
    ];
    requests.map(|request| row(request, accesses))
}

/// 64 pages read, and then written.
fn rows_of_reads_and_writes() -> [(u64, u64, u64); 5] {
    rows(&[(Access::Read, 1), (Access::Write, 1)])
}

/// Exercises 2 and 4. The columns of instructions are the compiler's, and change with it. `data`, `tables` and `faults` are the
/// backing's: which page is touched first decides them, and here, without any instruction, they are the tour's.
#[test]
fn frames_tables_and_faults_come_from_the_backing_and_not_from_the_compiler() {
    let sparse = rows(&[(Access::Write, 8)]);
    let one_in_eight = [(64, 3, 0), (8, 3, 8), (64, 3, 4), (8, 3, 8), (512, 2, 1)];
    assert_eq!(sparse, one_in_eight);

    let dense = rows(&[(Access::Write, 1)]);
    let every_page = [
        (64, 3, 0),
        (64, 3, 64),
        (64, 3, 4),
        (64, 3, 64),
        (512, 2, 1),
    ];
    assert_eq!(dense, every_page);

    let swept = rows(&[(Access::Read, 1)]);
    let only_read = [(64, 3, 0), (64, 3, 64), (64, 3, 4), (0, 3, 64), (512, 2, 1)];
    assert_eq!(swept, only_read);

    let both = rows_of_reads_and_writes();
    let faults_twice = [
        (64, 3, 0),
        (64, 3, 64),
        (64, 3, 4),
        (64, 3, 128),
        (512, 2, 1),
    ];
    assert_eq!(both, faults_twice);
}

#[test]
#[ignore = "an exercise: the task is in starts/measuring.rs"]
fn faults_are_foretold() {
    for ((name, foretold), counted) in start::FORETOLD.into_iter().zip(rows_of_reads_and_writes()) {
        assert_eq!(foretold, counted, "data, tables and faults: {name}");
    }
}

/// Whoever has solved it deletes this.
#[test]
#[should_panic(expected = "data, tables and faults: immediate")]
fn faults_are_foretold_is_not_solved_at_the_start() {
    faults_are_foretold();
}
