//! Programs whose pages go to the swap disk: what they read is what they wrote, and
//! others run while a page is read.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(kernel::testing::run)]
#![reexport_test_harness_main = "test_main"]

extern crate alloc;

mod common;
mod program;

use alloc::vec::Vec;

use common::counts;
use kernel::cpu::ring3::Left;
use kernel::process::watch::Watch;
use kernel::process::{Ending, Id, Process, Processes, State};
use kernel::{spaces, swap};
use program::{audit, spawn};

kernel::test_kernel!(test_main);

/// The pages that a program writes.
const PAGES: u64 = 3;

kernel::programs! {
    /// Writes to three pages, calls, and adds up what it finds there then: 6.
    writes_and_adds_up:
        "mov rbx, 0x500000"
        "mov byte ptr [rbx], 1" "mov byte ptr [rbx + 0x1000], 2" "mov byte ptr [rbx + 0x2000], 3"
        "mov eax, 24" "syscall"
        "movzx edi, byte ptr [rbx]"
        "movzx eax, byte ptr [rbx + 0x1000]" "add edi, eax"
        "movzx eax, byte ptr [rbx + 0x2000]" "add edi, eax"
        "mov eax, 60" "syscall";
    /// Lets others run, for ever.
    yields: "91: mov eax, 24" "syscall" "jmp 91b";
}

/// Evicts all that can go at the first call of one process, and notes who left ring 3
/// and what became of it.
struct Evicts {
    whose: Id,
    evicted: Option<u64>,
    seen: Vec<(Id, bool)>,
}

impl Watch for Evicts {
    fn left(&mut self, process: &Process, why: Left) {
        if process.id == self.whose && why == Left::SystemCall && self.evicted.is_none() {
            self.evicted = Some(swap::evict(u64::MAX).written);
        }
    }

    fn handled(&mut self, process: &Process) {
        if self.evicted.is_some() {
            let reads = process.state == State::Reading;
            self.seen.push((process.id, reads));
        }
    }
}

/// Runs the program that writes, with as many others that only let others run.
fn run_with(others: usize) -> Evicts {
    let mut processes = Processes::new();
    let other: Vec<Id> = (0..others)
        .map(|_| spawn(&mut processes, yields()))
        .collect();
    let whose = spawn(&mut processes, writes_and_adds_up());
    let mut watch = Evicts {
        whose,
        evicted: None,
        seen: Vec::new(),
    };
    let before = swap::slots();
    let summary = processes.run_watched(whose, &mut watch);
    let ending = summary.map(|summary| summary.ending);
    assert_eq!(ending, Some(Ending::Exited(6)));
    audit();
    let after = swap::slots();
    assert!(
        after.read - before.read > PAGES,
        "the stack and the code came back as well"
    );
    drop(other);
    drop(processes);
    assert_eq!(swap::slots().used, 0, "all slots are free again");
    watch
}

#[test_case]
fn a_program_finds_what_it_wrote_after_all_its_pages_went() {
    run_with(0);
    let before = counts();
    let watch = run_with(0);
    // Its three pages, and that of its code.
    assert_eq!(watch.evicted, Some(PAGES + 1));
    let reads = watch.seen.iter().filter(|(_, reads)| *reads).count();
    assert_eq!(reads as u64, PAGES + 1);
    assert_eq!(counts(), before);
}

#[test_case]
fn another_runs_while_a_page_is_read() {
    let watch = run_with(1);
    let whose = watch.whose;
    let pairs = watch.seen.windows(2);
    let after_a_read = pairs.filter(|pair| pair[0] == (whose, true));
    let others: Vec<Id> = after_a_read.map(|pair| pair[1].0).collect();
    assert_eq!(others.len() as u64, PAGES + 1);
    assert!(others.iter().all(|id| *id != whose), "{others:?}");
}

#[test_case]
fn frames_are_made_free_ahead_of_time_and_when_they_are_short() {
    let memory = spaces::memory();
    let mut processes = Processes::new();
    let ids: Vec<Id> = (0..8)
        .map(|_| spawn(&mut processes, writes_and_adds_up()))
        .collect();
    memory.set_limit(Some(4));
    let before = swap::totals();
    for id in ids {
        assert_eq!(processes.run(id), Some(Ending::Exited(6)));
        audit();
    }
    memory.set_limit(None);
    let after = swap::totals();
    assert!(after.evicted.written > before.evicted.written);
    drop(processes);
    assert_eq!(swap::slots().used, 0);
}
