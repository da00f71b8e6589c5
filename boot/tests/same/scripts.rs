//! Random scripts are answered alike by Linux and by Faultline.
//!
//! `SCRIPTS=100000` plays so many of them, `SEED=5` other ones.

use std::env;
use std::fmt::Write as _;

use crate::author::script;
use crate::machines::{Machines, Told};
use crate::script::Script;
use crate::shrink::shrink;

/// Scripts that are played when nobody says how many.
const SCRIPTS: u64 = 2_000;
/// Scripts of one boot.
const BATCH: usize = 2_000;

/// A number from the environment.
fn number(name: &str) -> Option<u64> {
    let value = env::var(name).ok()?;
    Some(value.parse().expect("SCRIPTS and SEED are numbers"))
}

/// The scripts that are wanted.
fn scripts(count: u64) -> Vec<Script> {
    let first = number("SEED").unwrap_or(0) << 32;
    (first..first + count).map(script).collect()
}

#[test]
fn linux_answers_a_script_the_same_every_time() {
    let machines = Machines::new();
    let scripts = scripts(300);
    let first = machines.linux(&scripts, true);
    assert_eq!(first, machines.linux(&scripts, true));
}

#[test]
fn random_scripts_are_answered_alike_by_linux_and_by_faultline() {
    let machines = Machines::new();
    let all = scripts(number("SCRIPTS").unwrap_or(SCRIPTS));
    for batch in all.chunks(BATCH) {
        let differ = differing(&machines, batch);
        let Some(first) = differ.iter().position(|differs| *differs) else {
            continue;
        };
        let count = differ.iter().filter(|differs| **differs).count();
        let shrunk = shrink(batch[first].clone(), |scripts| {
            differing(&machines, scripts)
        });
        panic!(
            "{count} of {} scripts differ; the shortest part of the first that does:\n{}",
            batch.len(),
            both(&machines, &shrunk)
        );
    }
}

/// Which scripts are answered in two ways.
fn differing(machines: &Machines, scripts: &[Script]) -> Vec<bool> {
    let (linux, faultline) = (
        machines.linux(scripts, false),
        machines.faultline(scripts, false),
    );
    let pairs = linux.iter().zip(&faultline);
    pairs.map(|(linux, faultline)| linux != faultline).collect()
}

/// A script, and both answers to each of its steps.
fn both(machines: &Machines, script: &Script) -> String {
    let one = std::slice::from_ref(script);
    let linux = &machines.linux(one, true)[0];
    let faultline = &machines.faultline(one, true)[0];
    let mut text = format!("{script}");
    let mut tell = |name: &str, told: &Told, other: &Told| {
        for (index, line) in told.iter().enumerate() {
            let mark = if other.get(index) == Some(line) {
                ' '
            } else {
                '*'
            };
            writeln!(text, "{mark} {name:9} {line}").expect("a string takes all");
        }
    };
    tell("Linux", linux, faultline);
    tell("Faultline", faultline, linux);
    text
}
