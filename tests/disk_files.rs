//! Programs whose files lie on a disk: their pages are read when they are needed,
//! once, and others run meanwhile.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(kernel::testing::run)]
#![reexport_test_harness_main = "test_main"]

extern crate alloc;

mod common;
mod program;

use alloc::vec::Vec;

use archive::{Kind, Place};
use common::{counts, pages_at};
use kernel::cpu::ring3::Left;
use kernel::disk::{self, Which};
use kernel::files::{self, Contents, cache};
use kernel::process::watch::Watch;
use kernel::process::{Ending, Id, Process, Processes, State, Summary};
use kernel::{interrupts, spaces};
use memory::object::Sharing;
use memory::space::{Backing, Rights};
use program::{CODE, audit, space_of, spawn, spawn_in};

kernel::test_kernel!(test_main);

kernel::programs! {
    /// Lets others run, for ever.
    yields: "91: mov eax, 24" "syscall" "jmp 91b";
    /// Adds up the second and the fourth byte of a mapping.
    adds_two_bytes:
        "mov rbx, 0x700000" "movzx edi, byte ptr [rbx + 1]" "movzx eax, byte ptr [rbx + 3]"
        "add edi, eax" "mov eax, 60" "syscall";
    /// Lets others run once, and ends.
    yields_once: "mov eax, 24" "syscall" "xor edi, edi" "mov eax, 60" "syscall";
}

/// Where a program's file lies on the disk.
fn file_of(name: &str) -> Place {
    interrupts::init();
    let archive = files::archive().expect("the disk can be read");
    match archive.find(name).expect("the programs are in it").kind {
        Kind::File(place) => place,
        other => panic!("{name} is no file: {other:?}"),
    }
}

fn start(processes: &mut Processes) -> Id {
    let hello = file_of("bin/hello");
    let started = processes.start("bin/hello", hello, &[b"hello"], &[]);
    started.expect("it can be loaded")
}

/// Notes who left ring 3, whether it waits for the disk then, and, while it does, how
/// many reads are under way.
struct Notes(Vec<(Id, bool, usize)>);

impl Watch for Notes {
    fn left(&mut self, _: &Process, _: Left) {}

    fn handled(&mut self, process: &Process) {
        let waits = process.state == State::Reading;
        self.0.push((process.id, waits, disk::under_way()));
    }
}

/// Runs `hello` beside others. All frames are back then, but for the page cache's.
fn run_beside(others: impl FnOnce(&mut Processes)) -> (Id, Summary, Notes) {
    let mut processes = Processes::new();
    let id = start(&mut processes);
    others(&mut processes);
    let mut notes = Notes(Vec::new());
    let summary = processes.run_watched(id, &mut notes);
    let summary = summary.expect("it was started");
    assert_eq!(summary.ending, Ending::Exited(0));
    assert_eq!(disk::under_way(), 0);
    drop(processes);
    audit();
    (id, summary, notes)
}

#[test_case]
fn the_files_lie_on_the_disk_and_only_their_headers_were_read() {
    let hello = file_of("bin/hello");
    assert_eq!(Contents::from(hello), Contents::Disk(hello));
    assert!(disk::pages(Which::Files) > 64);
    // The headers lie in pages of their own: a header has 512 bytes.
    let entries = files::archive().expect("it was read").entries().count();
    let look = spaces::kernel_half(|half, _| {
        let mut regions = half.regions();
        let headers = regions.find(|region| region.label == "headers of files");
        headers.map(|region| {
            (
                region.size,
                half.resident_between(region.base, region.end()),
            )
        })
    });
    let (size, resident) = look.expect("there is such a region");
    assert_eq!(size, disk::pages(Which::Files) * 4096);
    assert!(resident.private <= entries as u64 + 1, "{resident:?}");
}

#[test_case]
fn a_page_is_read_once_and_the_first_when_the_program_is_loaded() {
    let hello = file_of("bin/hello");
    cache::let_go();
    let mut processes = Processes::new();
    start(&mut processes);
    assert_eq!(cache::pages_of(hello), 1);
    drop(processes);
    cache::let_go();
    let (_, first, _) = run_beside(|_| ());
    let cached = cache::pages_of(hello);
    assert_eq!(first.used.major, cached - 1);
    let before = counts();
    let (_, second, _) = run_beside(|_| ());
    assert_eq!((second.used.major, cache::pages_of(hello)), (0, cached));
    assert_eq!(second.used.faults(), first.used.faults());
    assert_eq!(counts().shared, before.shared);
}

#[test_case]
fn another_runs_while_a_page_of_a_file_is_read() {
    cache::let_go();
    let mut other = None;
    let (id, summary, Notes(seen)) = run_beside(|processes| {
        other = Some(spawn(processes, yields()));
    });
    let waits = seen.iter().filter(|(_, waits, _)| *waits).count() as u64;
    assert_eq!(waits, summary.used.major);
    for pair in seen.windows(2) {
        if let [(who, true, under_way), (next, ..)] = *pair {
            assert_eq!((who, under_way), (id, 1));
            assert_eq!(Some(next), other);
        }
    }
}

#[test_case]
fn two_that_wait_for_the_same_page_share_it_and_the_second_frame_comes_back() {
    let hello = file_of("bin/hello");
    cache::let_go();
    run_beside(|_| ());
    let (cached, shared) = (cache::pages_of(hello), counts().shared);
    // A disk may be so fast that the first has its page before the second asks.
    for _ in 0..100 {
        cache::let_go();
        let (.., Notes(seen)) = run_beside(|processes| {
            start(processes);
        });
        assert_eq!((cache::pages_of(hello), counts().shared), (cached, shared));
        let mut seen = seen.iter();
        if seen.any(|(_, waits, under_way)| *waits && *under_way == 2) {
            return;
        }
    }
    panic!("two never waited at once");
}

#[test_case]
fn what_is_read_when_a_run_is_over_is_there_when_its_process_goes_on() {
    cache::let_go();
    let mut processes = Processes::new();
    let first = spawn(&mut processes, yields_once());
    let hello = start(&mut processes);
    let mut notes = Notes(Vec::new());
    let summary = processes.run_watched(first, &mut notes);
    let ending = summary.map(|summary| summary.ending);
    assert_eq!(ending, Some(Ending::Exited(0)));
    assert!(notes.0.iter().any(|(id, waits, _)| *id == hello && *waits));
    assert_eq!(disk::under_way(), 0);
    assert_eq!(processes.run(hello), Some(Ending::Exited(0)));
    drop(processes);
    cache::let_go();
    audit();
}

#[test_case]
fn behind_the_end_of_a_file_a_page_is_zero_although_the_disk_goes_on() {
    cache::let_go();
    // A file begins with 0x7f, E, L and F, and two parts of it end behind these.
    for (size, sum) in [(4, b'E' + b'F'), (3, b'E')] {
        let part = Contents::from(file_of("bin/hello")).shortened(size);
        let backing = Backing::Object {
            object: cache::object_of(part).expect("there is room"),
            offset_in_pages: 0,
            sharing: Sharing::Private,
        };
        let mut space = space_of(adds_two_bytes(), CODE);
        let request = pages_at(0x70_0000, 1, backing).rights(Rights::Read).user();
        let mapped = space.allocate(request, spaces::memory());
        mapped.expect("there is room");
        let mut processes = Processes::new();
        let id = spawn_in(&mut processes, space, CODE);
        let summary = processes.run_and_sum_up(id).expect("it was started");
        assert_eq!(summary.ending, Ending::Exited(sum), "of {size} bytes");
        assert_eq!(summary.used.major, 1);
    }
    cache::let_go();
    audit();
}
