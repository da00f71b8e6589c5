//! Each request of a disk fails in turn, once (`--fail-every`, see the manifest): what
//! it was for is refused with slot, sector and error, and all else goes on. What could
//! not be moved stays where it is, and the next time it goes.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(kernel::testing::run)]
#![reexport_test_harness_main = "test_main"]

extern crate alloc;

mod common;
mod program;
#[path = "common/session.rs"]
mod session;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use archive::Kind;
use common::counts;
use kernel::cpu::ring3::Left;
use kernel::disk::{self, Cause, Which};
use kernel::fault;
use kernel::files::{self, FilesError, cache};
use kernel::process::watch::Watch;
use kernel::process::{Ending, Id, Process, Processes, Signal};
use kernel::{heap, interrupts, spaces, swap};
use memory::Fault;
use program::{audit, spawn};
use session::Session;
use spin::Once;

kernel::test_kernel!(test_main);

/// Of so many requests of a disk the last fails, and so on.
const EVERY: u64 = 120;

kernel::programs! {
    /// Writes to three pages, calls, and adds up what it finds there then: 6.
    adds_up:
        "mov rbx, 0x500000"
        "mov byte ptr [rbx], 1" "mov byte ptr [rbx + 0x1000], 2" "mov byte ptr [rbx + 0x2000], 3"
        "mov eax, 24" "syscall"
        "movzx edi, byte ptr [rbx]"
        "movzx eax, byte ptr [rbx + 0x1000]" "add edi, eax"
        "movzx eax, byte ptr [rbx + 0x2000]" "add edi, eax"
        "mov eax, 60" "syscall";
    /// The same, but that it has a child after the call, which makes the second of its
    /// pages 12, calls, and ends with the sum of its own, 16. The parent adds that up as
    /// well, or the signal that has killed its child.
    adds_up_with_a_child:
        "mov rbx, 0x500000"
        "mov byte ptr [rbx], 1" "mov byte ptr [rbx + 0x1000], 2" "mov byte ptr [rbx + 0x2000], 3"
        "mov eax, 24" "syscall"
        "mov eax, 57" "syscall" "test eax, eax" "jz 91f"
        "mov edi, eax" "mov esi, 0x503000" "xor edx, edx" "xor r10d, r10d" "mov eax, 61" "syscall"
        "mov ecx, dword ptr [0x503000]" "mov edi, ecx" "shr edi, 8" "and ecx, 0x7f" "add edi, ecx"
        "92: movzx eax, byte ptr [rbx]" "add edi, eax"
        "movzx eax, byte ptr [rbx + 0x1000]" "add edi, eax"
        "movzx eax, byte ptr [rbx + 0x2000]" "add edi, eax"
        "mov eax, 60" "syscall"
        "91: mov byte ptr [rbx + 0x1000], 12"
        "mov eax, 24" "syscall" "xor edi, edi" "jmp 92b";
    /// Writes a name, calls, and opens the file of that name: ends with 2, which is
    /// ENOENT. If the kernel cannot read the name it tries again, and ends with 102.
    opens:
        "mov rbx, 0x500000" "mov byte ptr [rbx], 0x78"
        "mov eax, 24" "syscall"
        "xor r12d, r12d"
        "92: mov rdi, rbx" "xor esi, esi" "xor edx, edx" "mov eax, 2" "syscall"
        "neg eax" "cmp eax, 14" "jne 91f" "mov r12d, 100" "jmp 92b"
        "91: lea edi, [rax + r12]" "mov eax, 60" "syscall";
}

// --- which request fails ---------------------------------------------------------

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
fn aim(which: Which, others: u64) {
    until_one_fails(which);
    for _ in others..EVERY - 1 {
        assert_eq!(read(which), Ok(()));
    }
}

/// How many requests of a disk it takes, none of which fails.
fn requests_of(which: Which, play: impl FnOnce()) -> u64 {
    aim(which, EVERY - 1);
    play();
    EVERY - until_one_fails(which)
}

/// Frames in use: private ones, but for those of the kernel heap, and all others but tables.
fn frames() -> [u64; 4] {
    let counts = counts();
    let private = counts.private - heap::resident();
    [private, counts.shared, counts.kernel, counts.kept_back]
}

/// Plays the same once for each request of it, which fails alone. `play` returns how many
/// it has seen fail. After each all frames and slots are back. Returns how many requests
/// there are.
fn each_fails(which: Which, mut play: impl FnMut(u64) -> u64) -> u64 {
    headers_that_failed();
    let all = requests_of(which, || assert_eq!(play(u64::MAX), 0));
    let before = frames();
    for request in 0..all {
        aim(which, request);
        assert_eq!(play(request), 1, "request {request} of {all}");
        audit();
        assert_eq!(swap::slots().used, 0, "after request {request}");
        assert_eq!(frames(), before, "after request {request}");
    }
    all
}

// --- pages of the prompt's space -------------------------------------------------

/// The words of an error of a slot: each names its sector.
fn is_of_a_slot(words: &str) -> bool {
    let (_, words) = words.split_once("slot ").expect("it names the slot");
    let digits: String = words.chars().take_while(char::is_ascii_digit).collect();
    let slot: u64 = digits.parse().expect("a number");
    let sector = 8 * slot;
    let error = format!(
        "could not be read: sector {sector} of the disk `swap`: \
         the device reports an input or output error"
    );
    words.contains(&error)
}

#[test_case]
fn at_the_prompt_a_page_whose_slot_cannot_be_read_is_there_the_next_time() {
    /// Commands of the script that read, and what they find.
    const READS: [(usize, &str); 6] = [
        (5, "0b 0b 0b 0b"),
        (6, "16 16 16 16"),
        (7, "21 21 21 21"),
        (10, "0b 0b 0b 0b"),
        (11, "2c 2c 2c 2c"),
        (12, "21 21 21 21"),
    ];
    let all = each_fails(Which::Swap, |_| {
        let before = swap::totals().failed;
        let session = Session::script(&[
            "alloc demand 12K",  // 0
            "fill 0x1000 4K 11", // 1
            "fill 0x2000 4K 22", // 2
            "fill 0x3000 4K 33", // 3
            "evict 3",           // 4
            "read 0x1000 4",     // 5
            "read 0x2000 4",     // 6
            "read 0x3000 4",     // 7
            "fill 0x2000 4K 44", // 8
            "evict 3",           // 9
            "read 0x1000 4",     // 10
            "read 0x2000 4",     // 11
            "read 0x3000 4",     // 12
        ]);
        let mut failed = swap::totals().failed - before;
        for (index, bytes) in READS {
            let answer = session.answer(index);
            if !answer.contains(bytes) {
                assert!(is_of_a_slot(session.error(index)), "{answer}");
                failed += 1;
            }
        }
        // A page that could not be read was not written by `fill` either.
        if session.answer(8).starts_with("error") {
            assert!(is_of_a_slot(session.error(8)));
            failed += 1;
        }
        let again = Session::script(&[
            "fill 0x2000 4K 44",
            "read 0x1000 4",
            "read 0x2000 4",
            "read 0x3000 4",
            "swap",
            "audit",
            "free 0x1000",
        ]);
        for (index, bytes) in [(1, "0b 0b 0b 0b"), (2, "2c 2c 2c 2c"), (3, "21 21 21 21")] {
            assert!(
                again.answer(index).contains(bytes),
                "{}",
                again.answer(index)
            );
        }
        assert_eq!(again.number(4, "failed"), swap::totals().failed);
        assert_eq!(again.field(5, "audit"), "ok");
        failed
    });
    assert_eq!(all, 3 + 3 + 1 + 3, "writes, reads, a write, and reads");
}

// --- pages of programs -----------------------------------------------------------

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
fn run(processes: &mut Processes, id: Id, evicts: bool) -> (Ending, Option<String>) {
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

/// Runs a program whose pages go. Returns how many writes have failed, and with which
/// status it ends: none if it is killed.
fn play(code: &[u8]) -> (u64, Option<u8>) {
    let before = swap::totals().failed;
    let mut processes = Processes::new();
    let id = spawn(&mut processes, code);
    let ended = run(&mut processes, id, true);
    let failed = swap::totals().failed - before;
    match ended {
        (Ending::Exited(status), _) => (failed, Some(status)),
        (_, Some(words)) => {
            assert!(is_of_a_slot(&words), "{words}");
            (failed, None)
        }
        (other, None) => panic!("{other:?}"),
    }
}

#[test_case]
fn a_program_is_killed_for_the_page_that_cannot_be_read_and_for_no_write_that_fails() {
    let all = each_fails(Which::Swap, |request| {
        let ended = play(adds_up());
        let expected = match request {
            0..4 => (1, Some(6)),
            4..8 => (0, None),
            _ => (0, Some(6)),
        };
        assert_eq!(ended, expected, "request {request}");
        u64::from(request < 8)
    });
    assert_eq!(all, 4 + 4, "three pages, and that of its code");
}

#[test_case]
fn a_program_and_its_child_are_killed_each_for_itself() {
    let (mut writes, mut children, mut parents) = (0, 0, 0);
    let all = each_fails(Which::Swap, |_| {
        let failed = match play(adds_up_with_a_child()) {
            (0, Some(22)) => return 0,
            (1, Some(22)) => &mut writes,
            (0, Some(13)) => &mut children,
            (0, None) => &mut parents,
            other => panic!("{other:?}"),
        };
        *failed += 1;
        1
    });
    assert_eq!(writes + children + parents, all);
    assert!(
        writes > 4 && children > 2 && parents > 2,
        "{writes}, {children}, {parents}"
    );
}

#[test_case]
fn a_call_whose_memory_cannot_be_read_is_refused_and_the_next_one_is_not() {
    let mut refused = 0;
    let all = each_fails(Which::Swap, |_| match play(opens()) {
        (0, Some(2)) => 0,
        (1, Some(2)) | (0, None) => 1,
        (0, Some(102)) => {
            refused += 1;
            1
        }
        other => panic!("{other:?}"),
    });
    assert_eq!(all, 2 + 2, "its name and its code go, and come back");
    assert_eq!(refused, 1, "the read of its name");
}

#[test_case]
fn with_few_frames_left_an_error_kills_one_program_at_most_and_the_others_end_well() {
    headers_that_failed();
    let play = || {
        let mut processes = Processes::new();
        let ids = [(); 4].map(|()| spawn(&mut processes, adds_up()));
        let before = swap::totals().failed;
        spaces::memory().set_limit(Some(4));
        let endings = ids.map(|id| processes.run(id).expect("it was spawned"));
        spaces::memory().set_limit(None);
        let killed = endings.into_iter().filter(|ending| match ending {
            Ending::Exited(6) => false,
            Ending::Unreadable(_) => true,
            other => panic!("{other:?}"),
        });
        (swap::totals().failed - before, killed.count() as u64)
    };
    let all = requests_of(Which::Swap, || assert_eq!(play(), (0, 0)));
    let before = frames();
    let (mut writes, mut reads) = (0, 0);
    for request in 0..all {
        aim(Which::Swap, request);
        let (failed, killed) = play();
        // Pages go when frames are short, and at ticks: there may be fewer requests.
        assert!(
            failed + killed <= 1,
            "request {request}: {failed}, {killed}"
        );
        (writes, reads) = (writes + failed, reads + killed);
        audit();
        assert_eq!((swap::slots().used, frames()), (0, before), "{request}");
    }
    assert!(
        writes > 1 && reads > 1,
        "{writes} writes, {reads} reads of {all}"
    );
}

// --- files -----------------------------------------------------------------------

/// Reads the headers of the archive once, where each request fails in turn. Returns how
/// many there were.
fn headers_that_failed() -> u64 {
    static FAILED: Once<u64> = Once::new();
    *FAILED.call_once(|| {
        interrupts::init();
        let before = frames();
        for request in 0..EVERY - 1 {
            aim(Which::Files, request);
            match files::archive() {
                Ok(_) => return request,
                Err(FilesError::Disk(error)) => {
                    assert_eq!((error.disk, error.cause), (Which::Files, Cause::Failed));
                    assert_eq!(frames(), before, "after request {request}");
                }
                Err(error) => panic!("{error}"),
            }
            audit();
        }
        panic!("there are fewer headers than {EVERY}");
    })
}

#[test_case]
fn of_the_headers_of_the_files_each_fails_in_turn_and_the_next_time_they_are_there() {
    let failed = headers_that_failed();
    assert!(failed > 8, "{failed}");
    let archive = files::archive().expect("it was read");
    assert!(archive.find("bin/hello").is_some());
}

#[test_case]
fn a_program_whose_file_cannot_be_read_does_not_start_or_is_killed() {
    headers_that_failed();
    let archive = files::archive().expect("it was read");
    let hello = archive.find("bin/hello").expect("the programs are in it");
    let Kind::File(place) = hello.kind else {
        panic!("it is no file: {hello:?}");
    };
    let mut refused = [0; 2];
    let all = each_fails(Which::Files, |_| {
        cache::let_go();
        let mut processes = Processes::new();
        let failed = match processes.start("bin/hello", place, &[b"hello"], &[]) {
            Err(error) => {
                let words = error.to_string();
                assert!(
                    words.contains("of the disk `files`: the device reports"),
                    "{words}"
                );
                refused[0] += 1;
                1
            }
            Ok(id) => match run(&mut processes, id, false) {
                (Ending::Exited(0), _) => 0,
                (_, Some(words)) => {
                    assert!(words.contains("a page of a file, which could not be read: sector"));
                    refused[1] += 1;
                    1
                }
                (other, None) => panic!("{other:?}"),
            },
        };
        let id = processes.start("bin/hello", place, &[b"hello"], &[]);
        let ending = processes.run(id.expect("the next time it starts"));
        assert_eq!(ending, Some(Ending::Exited(0)));
        drop(processes);
        cache::let_go();
        failed
    });
    assert_eq!(refused[0] + refused[1], all);
    assert!(refused[0] > 0 && refused[1] > 1, "{refused:?}");
}
