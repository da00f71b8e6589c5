//! Random operations on objects and the spaces that map them beside a plain
//! model: after every step results, outcomes, bytes, what each object counts, and
//! the audit agree. In the end everything goes, and no frame is missing.

#![allow(unreachable_pub, reason = "one test binary of several files")]

#[path = "../common/mod.rs"]
mod common;

mod plain;
mod play;
mod step;

use std::cell::RefCell;
use std::collections::BTreeMap;

use faultline_memory::{Outcome, Refusal};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRunner};

use play::World;

/// Scripts of a usual run, and steps of a script at most.
const SCRIPTS: u32 = 1000;
const STEPS: usize = 120;

#[test]
fn random_operations_on_objects_agree_with_a_plain_model() {
    let mut config = Config {
        failure_persistence: None,
        max_shrink_iters: 5_000,
        rng_algorithm: RngAlgorithm::XorShift,
        ..Config::default()
    };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = SCRIPTS;
    }
    let scripts = config.cases;
    let seen = RefCell::new(BTreeMap::<String, u64>::new());
    let played = TestRunner::new(config).run(&step::script(STEPS), |script| {
        let mut world = World::new();
        for step in &script {
            world.play(step);
        }
        world.end();
        for (outcome, times) in world.seen {
            *seen.borrow_mut().entry(outcome).or_default() += times;
        }
        Ok::<_, TestCaseError>(())
    });
    if let Err(failure) = played {
        panic!("{failure}");
    }
    let outcomes = [
        Outcome::ObjectMapped,
        Outcome::ObjectNew,
        Outcome::ObjectCopy,
        Outcome::SharedCopy,
        Outcome::TakenOver,
        Outcome::Blocked,
        Outcome::Refused(Refusal::PastEnd),
        Outcome::Refused(Refusal::OutOfFrames),
    ];
    let eviction = ["written to a slot", "read from a slot"];
    let expected = outcomes.iter().map(Outcome::to_string);
    for what in expected.chain(eviction.map(String::from)) {
        let times = seen.borrow().get(&what).copied().unwrap_or(0);
        println!("{times:>8} times: {what}");
        assert!(times > 0 || scripts < SCRIPTS, "no script came to: {what}");
    }
}
