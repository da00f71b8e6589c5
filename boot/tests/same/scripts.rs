//! Random scripts are answered alike by Linux and by Faultline, and find the same
//! contents where most pages are on a disk.
//!
//! `SCRIPTS=100000` plays so many of them, `SEED=5` other ones.

use std::fmt::Write as _;

use crate::author::script;
use crate::machines::{Machines, Played, Told};
use crate::number;
use crate::script::Script;
use crate::shrink::shrink;

/// Scripts that are played when nobody says how many.
const SCRIPTS: u64 = 2_000;
/// Of so many of them, one is played with few frames as well.
const SHARE_WITH_FEW_FRAMES: u64 = 6;
/// Scripts of one boot.
const BATCH: usize = 2_000;

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
        assert_eq!(alike(&machines, batch), 0, "nothing is short");
    }
}

#[test]
fn random_scripts_find_the_same_contents_when_pages_go_to_a_disk_meanwhile() {
    let machines = Machines::with_few_frames();
    let all = scripts(
        number("SCRIPTS")
            .unwrap_or(SCRIPTS)
            .div_ceil(SHARE_WITH_FEW_FRAMES),
    );
    for batch in all.chunks(BATCH) {
        let came_back = alike(&machines, batch);
        assert!(came_back > 10 * batch.len() as u64, "{came_back} came back");
    }
}

/// Plays scripts on both machines, and returns how many pages came back from the swap
/// disk of Faultline.
///
/// # Panics
///
/// If one of them is answered in two ways.
fn alike(machines: &Machines, scripts: &[Script]) -> u64 {
    let (differ, came_back) = differing(machines, scripts);
    if let Some(first) = differ.iter().position(|differs| *differs) {
        let count = differ.iter().filter(|differs| **differs).count();
        let shrunk = shrink(scripts[first].clone(), |scripts| {
            differing(machines, scripts).0
        });
        panic!(
            "{count} of {} scripts differ; the shortest part of the first that does:\n{}",
            scripts.len(),
            both(machines, &shrunk)
        );
    }
    came_back
}

/// Which scripts are answered in two ways, and how many pages came back from the disk.
fn differing(machines: &Machines, scripts: &[Script]) -> (Vec<bool>, u64) {
    let linux = machines.linux(scripts, false);
    let Played { told, came_back } = machines.faultline(scripts, false);
    let pairs = linux.iter().zip(&told);
    let differ = pairs.map(|(linux, faultline)| linux != faultline).collect();
    (differ, came_back)
}

/// A script, and both answers to each of its steps.
fn both(machines: &Machines, script: &Script) -> String {
    let one = std::slice::from_ref(script);
    let linux = &machines.linux(one, true)[0];
    let faultline = &machines.faultline(one, true).told[0];
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
