//! The monitor's `spaces` and `space`: spaces apart, and copies that share their
//! pages until one writes.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(kernel::testing::run)]
#![reexport_test_harness_main = "test_main"]

extern crate alloc;

#[path = "common/session.rs"]
mod session;

use alloc::vec::Vec;
use session::{Session, free_all};

kernel::test_kernel!(test_main);

/// Asserts that every `audit` of a script found nothing.
fn assert_audited(session: &Session, script: &[&str]) {
    let audits = script
        .iter()
        .enumerate()
        .filter(|(_, line)| **line == "audit");
    for (index, _) in audits {
        assert_eq!(session.field(index, "audit"), "ok");
    }
}

#[test_case]
fn spaces_have_the_same_addresses_and_other_bytes() {
    let session = Session::script(&[
        "alloc demand 4K",
        "write 0x1000 0xaa",
        "space new",
        "space 1",
        "read 0x1000",
        "alloc demand 4K",
        "write 0x1000 0xbb",
        "spaces",
        "space 0",
        "read 0x1000",
        "audit",
        "space free 1",
        "spaces",
        "free 0x1000",
    ]);
    assert_eq!(session.number(2, "space"), 1);
    session.fails(4, "no region holds the address");
    let lines: Vec<&str> = session.answer(7).lines().collect();
    assert!(
        lines[0].starts_with("space=0 current=no ")
            && lines[0].ends_with(" regions=1 frames=1 shared=0")
    );
    assert!(
        lines[1].starts_with("space=1 current=yes ")
            && lines[1].ends_with(" regions=1 frames=1 shared=0")
    );
    assert!(session.answer(9).contains("  aa  "));
    assert_eq!(
        (session.field(10, "audit"), session.number(10, "halves")),
        ("ok", 3)
    );
    assert_eq!(session.answer(11), "freed=1 frames=1");
    assert_eq!(session.answer(12).lines().count(), 1);
    assert_eq!(session.number(13, "frames"), 1);
}

#[test_case]
fn space_says_what_is_wrong() {
    let mut script = Vec::from([
        "space",
        "space 1",
        "space 99999999999",
        "space free 0",
        "space free 5",
        "space free",
        "space old",
        "space 0",
    ]);
    script.extend(["space new"; 31]);
    script.extend(["space new", "space fork"]);
    let session = Session::script(&script);
    session.fails(0, "<new | fork | n | free n> is missing");
    session.fails(1, "there is no space 1: `spaces` lists those there are");
    session.fails(2, "there is no space 99999999999");
    session.fails(3, "space 0 is the current one: switch to another");
    session.fails(4, "there is no space 5");
    session.fails(5, "<n> is missing");
    session.fails(6, "`old` is no number");
    assert_eq!(session.number(7, "space"), 0);
    assert_eq!(session.number(8 + 30, "space"), 31);
    session.fails(8 + 31, "there are 32 spaces");
    session.fails(8 + 32, "there are 32 spaces");
}

#[test_case]
fn the_regions_of_a_space_are_listed_without_switching_to_it() {
    let session = Session::script(&[
        "alloc demand 4K",
        "space fork",
        "guard 8K",
        "write 0x1000 1",
        "regions 1",
        "regions 0",
        "regions 7",
        "regions all",
        "regions 0 1",
    ]);
    let here = |index: usize, line: usize| session.answer(index).lines().nth(line);
    let untouched = "  page=4K resident=0 shared=0 zero=0 borrowed=0 swapped=0 faults=0";
    let demand = "region=0x1000 end=0x2000 rights=rw backing=demand";
    assert_eq!((here(4, 0), here(4, 1)), (Some(demand), Some(untouched)));
    assert_eq!(here(4, 2), None, "nothing of the kernel half");
    let touched = "  page=4K resident=1 shared=0 zero=0 borrowed=0 swapped=0 faults=1";
    assert_eq!((here(5, 0), here(5, 1)), (Some(demand), Some(touched)));
    let guard = "region=0x2000 end=0x4000 rights=none backing=guard";
    assert_eq!((here(5, 2), here(5, 4)), (Some(guard), None));
    session.fails(6, "there is no space 7");
    session.fails(7, "[space|process=N]: `all` is no number");
    session.fails(8, "`1` is one word too many");
    free_all();
}

#[test_case]
fn a_fork_shares_pages_until_the_child_writes_and_the_parent_takes_over() {
    let script = [
        "alloc demand 16K",       // 0
        "write 0x1000 0xaa 0xbb", // 1
        "write 0x2000 0xcc",      // 2
        "frames",                 // 3
        "space fork",             // 4
        "frames",                 // 5
        "faults",                 // 6
        "spaces",                 // 7
        "audit",                  // 8
        "space 1",                // 9
        "read 0x1000 2",          // 10
        "write 0x1001 0xdd",      // 11
        "frames",                 // 12
        "audit",                  // 13
        "space 0",                // 14
        "read 0x1000 2",          // 15
        "write 0x1000 0xee",      // 16
        "frames",                 // 17
        "faults",                 // 18
        "audit",                  // 19
        "space 1",                // 20
        "read 0x1000 2",          // 21
        "space 0",                // 22
        "space free 1",           // 23
        "write 0x2000 0xff",      // 24
        "audit",                  // 25
        "frames",                 // 26
        "free 0x1000",            // 27
    ];
    // The place of a space stays on the heap.
    Session::script(&["space new", "space free 1"]);
    let session = Session::script(&script);
    assert_audited(&session, &script);
    let counts = |index| {
        let private = session.number(index, "private") - session.number(3, "private");
        (private as i64, session.number(index, "shared"))
    };
    assert_eq!(session.answer(4), "space=1 shared=2");
    assert_eq!(
        session.number(5, "private") + 2,
        session.number(3, "private")
    );
    assert_eq!(session.number(5, "shared"), 2);
    let spaces: Vec<&str> = session.answer(7).lines().collect();
    for line in spaces {
        assert!(line.ends_with(" regions=1 frames=0 shared=2"), "{line}");
    }
    assert!(session.answer(10).contains("  aa bb  ") && session.cost(10) == (0, 0));
    assert_eq!(session.cost(11), (1, 1));
    assert!(session.answer(15).contains("  aa bb  ") && session.cost(15) == (0, 0));
    assert_eq!(session.cost(16), (1, 0));
    assert_eq!((counts(17), session.number(26, "shared")), ((0, 1), 0));
    let more = |name| session.number(18, name) - session.number(6, name);
    assert_eq!((more("shared_copy"), more("taken_over")), (1, 1));
    assert!(session.answer(21).contains("  aa dd  "));
    assert_eq!(session.answer(23), "freed=1 frames=1");
    assert_eq!(session.cost(24), (1, 0));
    assert_eq!(session.number(27, "frames"), 2);
    assert_eq!(session.number(12, "shared"), 2);
}

#[test_case]
fn a_parent_may_end_first_and_the_child_then_owns_the_pages() {
    let script = [
        "space new",           // 0
        "space 1",             // 1
        "alloc immediate 12K", // 2
        "write 0x1000 1",      // 3
        "frames",              // 4
        "space fork",          // 5
        "space 2",             // 6
        "space free 1",        // 7
        "audit",               // 8
        "read 0x1000",         // 9
        "write 0x1000 2",      // 10
        "frames",              // 11
        "audit",               // 12
        "space 0",             // 13
        "space free 2",        // 14
        "audit",               // 15
        "frames",              // 16
    ];
    let session = Session::script(&script);
    assert_audited(&session, &script);
    assert_eq!(session.answer(5), "space=2 shared=3");
    assert_eq!(session.answer(7), "freed=1 frames=0");
    assert!(session.answer(9).contains("  01  "));
    assert_eq!(session.cost(10), (1, 0));
    assert_eq!(session.number(11, "shared"), 2);
    assert_eq!(session.answer(14), "freed=2 frames=3");
    assert_eq!(session.number(16, "shared"), 0);
    assert_eq!(
        session.number(4, "private") - session.number(16, "private"),
        3
    );
}

#[test_case]
fn a_fork_without_frames_changes_nothing_and_says_how_many_it_needs() {
    let script = [
        "alloc demand 16K", // 0
        "write 0x1000 1",   // 1
        "limit frames 8",   // 2
        "space fork",       // 3
        "limit frames off", // 4
        "audit",            // 5
        "spaces",           // 6
        "faults",           // 7
        "write 0x1000 2",   // 8
        "limit frames 9",   // 9
        "space fork",       // 10
        "limit frames off", // 11
        "free 0x1000",      // 12
    ];
    let session = Session::script(&script);
    assert_audited(&session, &script);
    session.fails(3, "the copy needs 9 frames, and 8 may be handed out");
    assert!(session.answer(6).ends_with(" regions=1 frames=1 shared=0"));
    assert_eq!(session.cost(8), (0, 0));
    assert_eq!(session.answer(10), "space=1 shared=1");
    assert_eq!(session.number(12, "frames"), 0);
}

#[test_case]
fn the_pictures_show_what_is_shared() {
    let session = Session::script(&[
        "alloc immediate 128K",
        "space fork",
        "write 0x1000 1",
        "map virtual",
        "regions",
        "space free 1",
        "map virtual",
    ]);
    let bar = |index: usize| session.answer(index).lines().next().unwrap_or_default();
    let shared = "0x1000     [#sssssssssssssssssssssssssssssss] 128K immediate rw resident=1 of=32";
    assert_eq!(bar(3), shared);
    assert_eq!(
        (session.number(4, "resident"), session.number(4, "shared")),
        (1, 31)
    );
    assert_eq!(bar(6), shared, "until each is written to");
    free_all();
}
