//! Forks, and copies of shared pages, with too few frames: a fork says to the
//! frame how many it takes.

use faultline_memory::Outcome;
use faultline_memory::frames::FrameKind;
use faultline_memory::space::ForkError;

use super::*;

/// Forks the first space with 0, 1, 2, ... frames until there are enough. Returns
/// how many it took, which is what it said.
fn needed_to_fork(machine: &mut Machine) -> u64 {
    let fork = |machine: &mut Machine| match machine.try_fork(0) {
        Ok(_) => Ok(()),
        Err(ForkError::OutOfFrames(shortage)) => Err(Some(shortage)),
        Err(error) => panic!("{error}"),
    };
    frames_needed(machine, fork)
}

#[test]
fn forking_pages_of_all_kinds() {
    let mut machine = machine_with(Request::new(4 * PAGE, Backing::Demand));
    let large = Request::new(BIG, Backing::Immediate);
    machine.allocate(LOW, large.placement(at(BASE + BIG)));
    machine.write(BASE, 1).expect("writable");
    let start = x86_64::VirtAddr::new(BASE + PAGE);
    let kept = machine.with(LOW, |space, memory| space.reserve(start, PAGE, memory));
    assert_eq!(kept, Ok(1));
    // Root, three tables, records, a reserved page; two tables of counters and
    // three above them.
    assert_eq!(needed_to_fork(&mut machine), 1 + 3 + 1 + 1 + 5);
    // The next one finds the counters there.
    assert_eq!(needed_to_fork(&mut machine), 1 + 3 + 1 + 1);
}

#[test]
fn forking_an_empty_space_and_one_of_many_regions() {
    let mut machine = Machine::new();
    assert_eq!(needed_to_fork(&mut machine), 1);
    machine.memory.set_limit(None);
    for region in 0..400 {
        let guard = Request::new(PAGE, Backing::Guard);
        machine.allocate(LOW, guard.placement(at(BASE + 2 * region * PAGE)));
    }
    let records = machine.spaces[0]
        .as_ref()
        .expect("the first")
        .record_frames();
    assert!(records > 4);
    assert_eq!(needed_to_fork(&mut machine), 1 + records);
}

#[test]
fn forking_pages_whose_counters_stand_far_apart() {
    const GIB: u64 = 1 << 30;
    let mut machine = Machine::with_ranges(&[(4 * GIB, 9 * GIB)]);
    let mut apart = Vec::new();
    for block in 0..3 {
        let region = Request::new(BIG, Backing::Immediate).page_size(OF_2M);
        let region = region.placement(at(BASE + block * BIG));
        let space = machine.spaces[0].as_mut().expect("the first");
        space.allocate(region, &machine.memory).expect("frames");
        // So that the next region's frames lie far from this one's.
        let run =
            machine
                .memory
                .allocate_run(GIB * 3 / 2 / PAGE, PAGE, u64::MAX, FrameKind::Kernel);
        apart.push(run.expect("frames in a row"));
    }
    apart
        .into_iter()
        .for_each(|run| machine.memory.free_run(run));
    // Root, two tables, records; of counters three tables, one for each GiB, and two.
    assert_eq!(needed_to_fork(&mut machine), 1 + 2 + 1 + 3 + 3 + 2);
    assert_eq!(needed_to_fork(&mut machine), 1 + 2 + 1);
}

#[test]
fn writing_to_a_shared_page() {
    for (size, expected) in [(PAGE, 1), (BIG, 2)] {
        let mut machine = machine_with(Request::new(size, Backing::Immediate));
        machine.fork(0);
        let write = access(BASE, Access::Write);
        assert_eq!(frames_needed(&mut machine, write), expected);
        assert_eq!(machine.outcome(), Some(Outcome::SharedCopy));
    }
}
