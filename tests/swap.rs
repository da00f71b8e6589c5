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
use kernel::swap::Chosen;
use kernel::tour::swap::trial::{self, FRAMES, PAGES as PAGES_OF_TRIAL, Trial};
use kernel::{spaces, swap};
use program::{audit, spawn};
use replacement::Workload;
use replacement::optimum::optimum;

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
    /// Writes to 160 pages of its heap, then 80 of them to a memfd, and ends with the
    /// number of pages that were written there.
    writes_to_a_memfd:
        "mov edi, 0x6a4000" "mov eax, 12" "syscall"
        "mov ebx, 0x604000"
        "92: mov byte ptr [rbx], 1" "add ebx, 0x1000" "cmp ebx, 0x6a4000" "jb 92b"
        "mov edi, 0x604000" "xor esi, esi" "mov eax, 319" "syscall"
        "mov edi, eax" "mov esi, 0x604000" "mov edx, 0x50000" "mov eax, 1" "syscall"
        "mov edi, eax" "shr edi, 12" "mov eax, 60" "syscall";
    /// Writes to 160 pages of its heap, then reads 80 pages of the file `/bin/lazy` into
    /// them, and ends with the number of pages that were read.
    reads_a_file:
        "mov edi, 0x6a4000" "mov eax, 12" "syscall"
        "mov ebx, 0x604000"
        "96: mov byte ptr [rbx], 1" "add ebx, 0x1000" "cmp ebx, 0x6a4000" "jb 96b"
        "mov rax, 0x7a616c2f6e69622f" "mov edi, 0x500000" "mov [rdi], rax"
        "mov word ptr [rdi + 8], 0x79" "xor esi, esi" "mov eax, 2" "syscall"
        "mov edi, eax" "mov esi, 0x604000" "mov edx, 0x50000" "xor eax, eax" "syscall"
        "mov edi, eax" "shr edi, 12" "mov eax, 60" "syscall";
    /// Writes 1 to 160 pages of its heap and forks at once. Both add 1 to each, add them
    /// all up, and end with the last byte of the sum; the parent adds that of its child.
    writes_and_forks:
        "mov edi, 0x6a4000" "mov eax, 12" "syscall"
        "mov ebx, 0x604000"
        "93: mov byte ptr [rbx], 1" "add ebx, 0x1000" "cmp ebx, 0x6a4000" "jb 93b"
        "mov eax, 57" "syscall" "mov ebp, eax"
        "xor r12d, r12d" "mov ebx, 0x604000"
        "94: add byte ptr [rbx], 1" "movzx eax, byte ptr [rbx]" "add r12d, eax"
        "add ebx, 0x1000" "cmp ebx, 0x6a4000" "jb 94b"
        "test ebp, ebp" "jz 95f"
        "mov rdi, -1" "mov esi, 0x500000" "xor edx, edx" "xor r10d, r10d"
        "mov eax, 61" "syscall"
        "movzx eax, byte ptr [0x500001]" "add r12d, eax"
        "95: movzx edi, r12b" "mov eax, 60" "syscall";
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

#[test_case]
fn a_write_to_a_memfd_has_other_pages_go_when_frames_are_short() {
    let memory = spaces::memory();
    let mut processes = Processes::new();
    let id = spawn(&mut processes, writes_to_a_memfd());
    // Not enough for the heap, nor for the memfd ahead of time.
    memory.set_limit(Some(140));
    let ending = processes.run(id);
    memory.set_limit(None);
    assert_eq!(ending, Some(Ending::Exited(80)));
    audit();
    drop(processes);
    assert_eq!(swap::slots().used, 0);
}

#[test_case]
fn reading_a_file_has_other_pages_go_when_frames_are_short() {
    let memory = spaces::memory();
    let mut processes = Processes::new();
    let id = spawn(&mut processes, reads_a_file());
    // Not enough for the heap, nor for the file ahead of time.
    memory.set_limit(Some(140));
    let ending = processes.run(id);
    memory.set_limit(None);
    assert_eq!(ending, Some(Ending::Exited(80)));
    audit();
    drop(processes);
    assert_eq!(swap::slots().used, 0);
}

#[test_case]
fn a_fork_leaves_frames_for_the_first_copies_when_all_pages_are_shared() {
    let memory = spaces::memory();
    for _ in 0..4 {
        let mut processes = Processes::new();
        let id = spawn(&mut processes, writes_and_forks());
        memory.set_limit(Some(140));
        let ending = processes.run(id);
        memory.set_limit(None);
        let of_each = (2 * 160_u16) as u8;
        assert_eq!(ending, Some(Ending::Exited(2 * of_each)));
        audit();
        drop(processes);
        assert_eq!(swap::slots().used, 0);
    }
}

#[test_case]
fn every_policy_faults_at_least_as_often_as_the_optimum_and_writes_no_page_twice() {
    for workload in Workload::ALL {
        let trace = workload.trace(PAGES_OF_TRIAL);
        let least = optimum(&trace, FRAMES as usize);
        for (name, trial) in trial::all(&trace) {
            assert!(trial.faults >= least.faults, "{name}, {}", workload.name());
            // A page that comes for the first time is read from nowhere.
            let first = u64::from(PAGES_OF_TRIAL);
            assert_eq!(trial.reads, trial.faults - first, "{name}");
            if workload != Workload::HotSet {
                // It is written once, and what is only read since then keeps its slot.
                assert!(trial.writes <= first, "{name}, {}", workload.name());
            }
        }
    }
    audit();
    assert_eq!(swap::slots().used, 0);
}

#[test_case]
fn a_sequence_that_is_longer_than_memory_makes_every_access_a_fault_by_the_clock() {
    let trace = Workload::Sequential.trace(PAGES_OF_TRIAL);
    let trial = Trial::run(Chosen::Clock, &trace);
    let all = trace.len() as u64;
    let first = u64::from(PAGES_OF_TRIAL);
    let expected = Trial {
        faults: all,
        writes: first,
        reads: all - first,
    };
    assert_eq!(trial, expected);
}

#[test_case]
fn a_program_and_its_fork_read_what_each_has_written_under_every_policy() {
    let mut left = Vec::with_capacity(3);
    for _ in 0..3 {
        for (name, chosen) in Chosen::ALL {
            let trial = Trial::fork(chosen);
            assert!(trial.reads > 0 && trial.writes > 0, "{name}: {trial:?}");
            audit();
        }
        assert_eq!(swap::slots().used, 0);
        left.push(counts());
    }
    assert_eq!(left[1], left[2]);
}
