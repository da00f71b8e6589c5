//! What a request that was refused would have needed beyond what there was.

use faultline_memory::space::{Backing, Request};
use faultline_memory::{Outcome, Refusal};

use crate::common::machine::Machine;
use crate::common::operations::{LOW, PAGE, at};

const BASE: u64 = 0x4000_0000;

#[test]
fn a_region_that_is_refused_says_how_many_frames_it_lacked() {
    let mut machine = Machine::new();
    assert_eq!(machine.memory.take_missing(), 0, "nothing was refused yet");
    machine.memory.set_limit(Some(10));
    // A record's frame, three tables and twenty pages.
    let request = Request::new(20 * PAGE, Backing::Immediate).placement(at(BASE));
    assert!(machine.try_allocate(LOW, request).is_err());
    assert_eq!(machine.memory.take_missing(), 20 + 3 + 1 - 10);
    assert_eq!(machine.memory.take_missing(), 0, "it was told");
    machine.memory.set_limit(Some(24));
    assert!(machine.try_allocate(LOW, request).is_ok());
    assert_eq!(machine.memory.take_missing(), 0);
}

#[test]
fn a_fault_that_is_refused_says_that_it_lacked_a_frame() {
    let mut machine = Machine::new();
    machine.allocate(
        LOW,
        Request::new(2 * PAGE, Backing::Demand).placement(at(BASE)),
    );
    machine.write(BASE, 1).expect("there are frames");
    machine.memory.set_limit(Some(0));
    assert!(machine.write(BASE + PAGE, 1).is_err());
    let refused = Outcome::Refused(Refusal::OutOfFrames);
    assert_eq!(machine.outcomes.last(), Some(&refused));
    assert_eq!(machine.memory.take_missing(), 1);
    machine.memory.set_limit(Some(1));
    machine.write(BASE + PAGE, 1).expect("there is one");
    assert_eq!(machine.memory.take_missing(), 0);
}
