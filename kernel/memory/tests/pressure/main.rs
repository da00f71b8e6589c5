//! Programs that need more memory than there is: any page that may go goes at any
//! time, by each policy, with a disk that fails now and then; and no byte that a
//! program reads is another one than it wrote.
//!
//! `PRESSURE_STEPS` sets the number of steps for each policy; the seed is named when
//! something fails.

#![allow(unreachable_pub, reason = "one test binary of several files")]

#[path = "../common/mod.rs"]
mod common;

mod world;

use faultline_memory::policy::{Clock, EnhancedSecondChance, Fifo, Policy, Random};
use world::World;

/// Steps for each policy: a million in all.
const STEPS: u64 = 250_000;

fn play(name: &str, seed: u64, policy: &mut dyn Policy) {
    let steps = std::env::var("PRESSURE_STEPS").map_or(STEPS, |text| {
        text.parse().expect("PRESSURE_STEPS is a number")
    });
    println!("{name}, seed {seed}");
    let mut world = World::new(seed);
    for _ in 0..steps {
        world.step(policy);
    }
    let slots = world.machine.memory.slots();
    let (failed_writes, failed_reads) = world.failed;
    println!("{slots:?}, {failed_writes} writes and {failed_reads} reads failed");
    println!(
        "{} unmapped, {} forks, {} killed",
        world.unmapped, world.forks, world.killed
    );
    let full = steps >= STEPS;
    assert!(slots.written > 2_000 || !full, "pages were written");
    assert!(slots.read > 2_000 || !full, "pages were read");
    assert!(slots.writes_saved > 200 || !full, "writes were saved");
    assert!(failed_writes > 20 && failed_reads > 20 || !full);
    assert!(world.unmapped > 20 || !full, "pages of files were unmapped");
    assert!(world.forks > 50 || !full, "spaces were forked");
    world.end();
}

#[test]
fn every_byte_is_as_it_was_written_by_the_clock() {
    play("clock", 1, &mut Clock);
}

#[test]
fn every_byte_is_as_it_was_written_by_the_enhanced_second_chance() {
    play("enhanced second chance", 2, &mut EnhancedSecondChance);
}

#[test]
fn every_byte_is_as_it_was_written_first_in_first_out() {
    play("first in, first out", 4, &mut Fifo);
}

#[test]
fn every_byte_is_as_it_was_written_by_chance() {
    play("chance", 3, &mut Random::new(3));
}
