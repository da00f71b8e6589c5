//! Zero backing: what is read shares one frame of zeroes, read-only; the first
//! write to a page gives it a frame of its own.

use memory::space::Backing;

use super::meter::Cost;
use super::scenario::{BASE, Bytes, Scenario, Step, Touch};
use super::tell;
use crate::{println, spaces};

/// Runs it and tells of it.
///
/// # Panics
///
/// If something else lies in the low half where it wants its region.
pub fn run() {
    let zero = spaces::physical(|physical| physical.zero_frame().start_address());
    println!();
    println!("A region of two pages with zero backing. One frame of zeroes, at {zero:#x}, stands");
    println!("in for every page that was only read: its entry lacks W, so that a write faults");
    println!("once more and then gets a frame of its own. All blocks are read first:");
    tour(&[Touch::Read]);
    println!();
    println!("Two faults, and not one frame. Now each block is read and then written:");
    tour(&[Touch::Read, Touch::Write]);
    println!("A page that is read before it is written costs two faults, one that is written");
    println!("first costs one; a page that is never written costs no frame at all.");
}

fn tour(touches: &'static [Touch]) {
    let scenario = Scenario {
        backing: Backing::Zero,
        bytes: Bytes::STRADDLING,
        order: [0, 1, 2],
        touches,
    };
    let mut total = Cost::default();
    scenario.run(|step, measured| {
        tell::step(step, measured, &mut total);
        match (step, measured.faults().last()) {
            (Step::Reserve(_), _) => tell::walk(BASE),
            (_, Some(event)) => tell::walk(event.fault.address),
            _ => {}
        }
    });
}
