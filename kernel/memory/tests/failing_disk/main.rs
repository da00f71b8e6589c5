//! Every request of the swap disk failing in turn: a script is played once to count its
//! requests, and then again for each of them, which fails alone, or with all that
//! follow it.
//!
//! What must hold after each step, whatever failed: a page whose write failed is where
//! it was, and its slot is free; a page whose read failed is in its slot; each page
//! holds what its owner wrote last, and nobody else's bytes; slots, frames and their
//! owners are those of a plain model; and the audit passes. In the end a disk that
//! works again gives back every page.
//!
//! | file | is |
//! |---|---|
//! | `script` | the steps, and how they are made up |
//! | `world` | the machine and the model, and which step is what |
//! | `access`, `change` | what programs do |
//! | `swap` | pages that go and come back, and requests that fail |
//! | `plain` | the model: which page is in which frame, or in which slot |
//! | `tag` | what a page holds: who wrote it |

#![allow(unreachable_pub, reason = "one test binary of several files")]

#[path = "../common/mod.rs"]
mod common;

mod access;
mod change;
mod plain;
mod script;
mod swap;
mod tag;
mod world;

use std::ops::Range;

use script::{Random, SCRIPTS, Step};
use world::{Failures, Seen, World};

/// Scripts that are made up, and their steps.
const MADE_UP: u64 = 100;
const STEPS: usize = 50;

/// Plays a script; returns how many requests there were, how many of them failed, and
/// what happened.
fn play(script: &[Step], failing: Range<u64>) -> (u64, Failures, Seen) {
    let mut world = World::new();
    world.machine.disk.failing = failing;
    script.iter().for_each(|step| world.play(*step));
    let played = (world.machine.disk.requests(), world.failed, world.seen);
    world.end();
    played
}

/// Lets each request of a script fail, alone and with all that follow it. Returns how
/// many requests of the script failed alone.
fn each_fails(script: &[Step]) -> Failures {
    let (requests, none, _) = play(script, 0..0);
    assert_eq!(none, Failures::default());
    let mut alone = Failures::default();
    for request in 0..requests {
        let (_, failed, _) = play(script, request..request + 1);
        assert_eq!(failed.writes + failed.reads, 1, "request {request}");
        alone.add(failed);
        let (asked, failed, _) = play(script, request..u64::MAX);
        assert_eq!(failed.writes + failed.reads, asked - request);
    }
    assert_eq!(alone.writes + alone.reads, requests);
    alone
}

#[test]
fn each_request_of_each_script_fails_and_nothing_is_lost() {
    for (name, script, writes, reads) in SCRIPTS {
        let failed = each_fails(script);
        println!("{failed:?}: {name}");
        assert_eq!(failed, Failures { writes, reads }, "{name}");
    }
    let (.., seen) = play(SCRIPTS[4].1, 0..0);
    assert_eq!((seen.slots_taken, seen.no_slot), (4, 4));
}

#[test]
fn each_request_of_scripts_that_are_made_up_fails_and_nothing_is_lost() {
    let mut all = Failures::default();
    for seed in 1..=MADE_UP {
        println!("seed {seed}");
        let mut random = Random::new(seed);
        let script: Vec<Step> = (0..STEPS).map(|_| random.step()).collect();
        all.add(each_fails(&script));
    }
    println!("{all:?}");
    assert!(all.writes > 500 && all.reads > 300, "{all:?}");
}

#[test]
fn nothing_that_is_read_from_a_slot_was_ever_anybody_elses() {
    let mut world = World::new();
    let mut random = Random::new(7);
    for _ in 0..20_000 {
        // One request in eight fails, or so.
        let next = world.machine.disk.requests() + random.below(8);
        world.machine.disk.failing = next..next + 1;
        world.play(random.step());
    }
    let (failed, seen) = (world.failed, world.seen);
    println!("{failed:?}, {seen:?}");
    assert!(failed.writes > 300 && failed.reads > 300, "{failed:?}");
    // A slot has many owners over time, and some that share it.
    assert!(seen.read > 100 * world::SLOTS && seen.of_ancestors > 300);
    assert!(seen.slots_taken > 100 && seen.no_slot > 100 && seen.moved > 30);
    world.end();
}
