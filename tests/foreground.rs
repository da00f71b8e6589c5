//! Who looks on while a program runs in the foreground: watchers, and Ctrl-C.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(kernel::testing::run)]
#![reexport_test_harness_main = "test_main"]

extern crate alloc;

mod common;
mod program;

use alloc::vec::Vec;

use kernel::console::input;
use kernel::cpu::ring3::Left;
use kernel::process::watch::Watch;
use kernel::process::{Ending, Id, Process, Processes};
use kernel::spaces;
use program::{audit, spawn};

kernel::test_kernel!(test_main);

kernel::programs! {
    /// Has a child that spins, and waits for it.
    waits_for_spinning:
        "mov eax, 57" "syscall" "test eax, eax" "jz 91f"
        "mov edi, eax" "xor esi, esi" "xor edx, edx" "xor r10d, r10d" "mov eax, 61" "syscall"
        "91: pause" "jmp 91b";
    /// Has a child that writes to a page and spins; writes to another page, and
    /// counts for a good many turns without a system call.
    both_write_and_spin:
        "mov eax, 57" "syscall" "test eax, eax" "jz 91f"
        "mov byte ptr [0x501000], 1" "mov ecx, 100000000" "92: dec ecx" "jnz 92b"
        "xor edi, edi" "mov eax, 60" "syscall"
        "91: mov byte ptr [0x502000], 1" "93: pause" "jmp 93b";
}

/// The addresses of page faults that a process had taken when it was looked at.
struct Seen(Vec<(Id, u64)>);

impl Seen {
    fn look(&mut self, process: &Process) {
        while let Some(event) = spaces::memory().next_event() {
            self.0.push((process.id, event.fault.address.as_u64()));
        }
    }
}

impl Watch for Seen {
    fn left(&mut self, process: &Process, _: Left) {
        self.look(process);
    }

    fn handled(&mut self, process: &Process) {
        self.look(process);
    }

    fn ended(&mut self, _: Id) {}
}

#[test_case]
fn a_fault_is_seen_with_the_process_that_took_it_when_the_timer_ends_its_turn() {
    let mut processes = Processes::new();
    let parent = spawn(&mut processes, both_write_and_spin());
    let mut seen = Seen(Vec::new());
    while spaces::memory().next_event().is_some() {}
    let summary = processes.run_watched(parent, &mut seen);
    let ending = summary.map(|summary| summary.ending);
    assert_eq!(ending, Some(Ending::Exited(0)));
    let who = |address| {
        let mut found = seen.0.iter().filter(|(_, seen)| *seen == address);
        (found.next().map(|(id, _)| *id), found.next())
    };
    assert_eq!(who(0x50_1000), (Some(parent), None));
    assert_eq!(who(0x50_2000), (Some(parent + 1), None));
}

#[test_case]
fn ctrl_c_ends_the_whole_family() {
    let mut processes = Processes::new();
    let id = spawn(&mut processes, waits_for_spinning());
    input::type_ahead(0x03);
    assert_eq!(processes.run(id), Some(Ending::Cancelled));
    assert_eq!(input::try_read(), Some(0x03));
    assert_eq!(processes.iter().count(), 0);
    audit();
}

/// Notes at the end of each turn how many regions the loaded space has, and how many
/// spaces are parked.
struct Turns(Vec<(u64, usize)>);

impl Watch for Turns {
    fn left(&mut self, _: &Process, _: Left) {}

    fn handled(&mut self, _: &Process) {}

    fn turn_over(&mut self, _: &Processes) {
        let regions = spaces::current(|space, _| space.region_count());
        let mut parked = 0;
        spaces::each_parked(|_| parked += 1);
        self.0.push((regions, parked));
    }
}

#[test_case]
fn who_watches_sees_the_program_that_runs_at_the_end_of_its_turn() {
    let mut processes = Processes::new();
    let id = spawn(&mut processes, waits_for_spinning());
    let regions = || spaces::current(|space, _| space.region_count());
    let before = regions();
    input::type_ahead(0x03);
    let mut turns = Turns(Vec::new());
    let summary = processes.run_watched(id, &mut turns);
    let ending = summary.map(|summary| summary.ending);
    assert_eq!(ending, Some(Ending::Cancelled));
    assert_eq!(input::try_read(), Some(0x03));
    // Ctrl-C came with the first turn that was over.
    let Turns(seen) = turns;
    let [(with_it, kept)] = seen[..] else {
        panic!("{seen:?}");
    };
    // That of the monitor is kept meanwhile.
    assert!(with_it > before && kept >= 1, "{with_it} {kept}");
    assert_eq!(regions(), before);
}
