//! Requests of disks that fail (`--fail-every`, see the manifest), each in turn.
#![allow(dead_code, reason = "each kernel uses some of it")]

extern crate alloc;

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use kernel::cpu::ring3::Left;
use kernel::disk::{self, Cause, Which};
use kernel::process::watch::Watch;
use kernel::process::{Ending, Id, Process, Processes, Signal};
use kernel::{fault, heap, spaces, swap};
use memory::Fault;

/// Of so many requests of a disk the last fails, and so on.
pub const EVERY: u64 = 120;

fn read(which: Which) -> Result<(), Cause> {
    let read = disk::read_page(which, 0, &mut [0; 4096]);
    read.map_err(|error| error.cause)
}

/// Reads until one fails, which the device reports. Returns how many that were.
fn until_one_fails(which: Which) -> u64 {
    let mut reads = 1;
    while let Ok(()) = read(which) {
        reads += 1;
        assert!(reads <= EVERY, "one of {EVERY} fails");
    }
    reads
}

/// Lets the request of a disk fail that comes after so many others.
pub fn aim(which: Which, others: u64) {
    until_one_fails(which);
    for _ in others..EVERY - 1 {
        assert_eq!(read(which), Ok(()));
    }
}

/// How many requests of a disk it takes, none of which fails.
pub fn requests_of(which: Which, play: impl FnOnce()) -> u64 {
    aim(which, EVERY - 1);
    play();
    EVERY - until_one_fails(which)
}

/// Frames in use: private ones, but for those of the kernel heap, and all others but tables.
pub fn frames() -> [u64; 4] {
    let counts = spaces::memory().counts();
    let private = counts.private - heap::resident();
    [private, counts.shared, counts.kernel, counts.kept_back]
}

/// Plays the same once for each request of it, which fails alone. `play` returns how many
/// it has seen fail. After each all frames and slots are back. Returns how many requests
/// there are.
pub fn each_fails(which: Which, mut play: impl FnMut(u64) -> u64) -> u64 {
    let all = requests_of(which, || assert_eq!(play(u64::MAX), 0));
    let before = frames();
    for request in 0..all {
        aim(which, request);
        assert_eq!(play(request), 1, "request {request} of {all}");
        spaces::audit([]).expect("every invariant holds");
        assert_eq!(swap::slots().used, 0, "after request {request}");
        assert_eq!(frames(), before, "after request {request}");
    }
    all
}

/// Notes the last page fault that left ring 3, and evicts all that can go at the first
/// call of each process, if there are slots to be tried.
struct Looks {
    evicts: bool,
    called: Vec<Id>,
    fault: Option<Fault>,
}

impl Watch for Looks {
    fn left(&mut self, process: &Process, why: Left) {
        match why {
            Left::PageFault(fault) => self.fault = Some(fault),
            Left::SystemCall if self.evicts && !self.called.contains(&process.id) => {
                self.called.push(process.id);
                swap::evict(u64::MAX);
            }
            _ => {}
        }
    }

    fn handled(&mut self, _: &Process) {}
}

/// Runs a process. If it is killed for a page that could not be read, with the reason
/// that the report gives.
pub fn run(processes: &mut Processes, id: Id, evicts: bool) -> (Ending, Option<String>) {
    let mut looks = Looks {
        evicts,
        called: Vec::new(),
        fault: None,
    };
    let summary = processes.run_watched(id, &mut looks);
    let ending = summary.expect("it is there").ending;
    let Ending::Unreadable(address) = ending else {
        return (ending, None);
    };
    assert_eq!(ending.signal(), Some(Signal::BUS));
    let fault = looks.fault.expect("it was killed for one");
    assert_eq!(fault.address, address);
    let reason = fault::reason_of(&fault).expect("it was refused last");
    (ending, Some(reason.to_string()))
}
