//! Random operations on a machine beside a plain model: after every step
//! results, regions, leaves, bytes, counters, and the audit agree, and no
//! processor remembers what it must not.
//!
//! `PROPTEST_CASES=1000000` runs as many scripts instead of the usual number.
//! A script that fails is shortened and printed.

#![allow(unreachable_pub, reason = "one test binary of several files")]

#[path = "../common/mod.rs"]
mod common;

mod change;
mod compare;
mod fault;
mod fork;
mod plain;
mod play;
mod ranges;
mod reserve;
mod script;
mod swap;
mod tally;
mod touch;
mod wishes;

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use faultline_memory::{Features, Outcome, Refusal};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRunner};

use common::simulated_memory::SimulatedMemory;
use play::World;
use tally::Tally;

/// Scripts of a usual run, and steps of a script at most: together more than
/// 200,000 operations.
const SCRIPTS: u32 = 3500;
const STEPS: usize = 120;

fn features() -> impl Strategy<Value = Features> {
    let mostly = || proptest::bool::weighted(0.8);
    let bits = prop_oneof![4 => Just(52), 1 => Just(46)];
    (mostly(), mostly(), mostly(), bits).prop_map(
        |(gigabyte_pages, no_execute, global_pages, physical_bits)| Features {
            gigabyte_pages,
            no_execute,
            global_pages,
            physical_bits,
        },
    )
}

#[test]
fn random_operations_agree_with_a_plain_model() {
    let mut config = Config {
        failure_persistence: None,
        max_shrink_iters: 20_000,
        rng_algorithm: RngAlgorithm::XorShift,
        ..Config::default()
    };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = SCRIPTS;
    }
    let scripts = config.cases;
    let memory = Arc::new(SimulatedMemory::new());
    let steps = Cell::new(0_u64);
    let seen = RefCell::new(Tally::default());
    // While a script is shortened, each attempt that fails would be reported.
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let played = TestRunner::new(config).run(&(features(), script::script(STEPS)), |script| {
        let (features, script) = script;
        let mut world = World::new(Arc::clone(&memory), features);
        for step in &script {
            world.play(step);
            steps.set(steps.get() + 1);
        }
        world.end();
        seen.borrow_mut().add(&world.tally);
        Ok::<_, TestCaseError>(())
    });
    std::panic::set_hook(report);
    println!("{} operations in {scripts} scripts", steps.get());
    if let Err(failure) = played {
        panic!("{failure}");
    }
    // A reserved bit is never set by the crate: no script can come to it. Objects
    // have a model of their own, `objects`.
    let elsewhere = [
        Outcome::Refused(Refusal::ReservedBit),
        Outcome::Refused(Refusal::PastEnd),
        Outcome::ObjectMapped,
        Outcome::ObjectNew,
        Outcome::ObjectCopy,
    ];
    for outcome in Outcome::ALL.iter().filter(|one| !elsewhere.contains(one)) {
        let times = seen.borrow().of(*outcome);
        println!("{times:>8} times: {outcome}");
        assert!(
            times > 0 || scripts < SCRIPTS,
            "no script came to: {outcome}"
        );
    }
}
