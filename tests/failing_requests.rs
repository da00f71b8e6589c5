//! Each request of the disk for slots fails in turn, once: what it was for is refused with
//! slot, sector and error, and all else goes on. What could not be moved stays where it
//! is, and the next time it goes.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(kernel::testing::run)]
#![reexport_test_harness_main = "test_main"]

extern crate alloc;

mod common;
#[path = "common/failing.rs"]
mod failing;
mod program;
#[path = "common/session.rs"]
mod session;

use alloc::format;
use alloc::string::String;

use failing::{aim, each_fails, frames, requests_of, run};
use kernel::disk::Which;
use kernel::process::{Ending, Processes};
use kernel::{spaces, swap};
use program::{audit, spawn};
use session::Session;

kernel::test_kernel!(test_main);

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
