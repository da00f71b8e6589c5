//! A disk for slots to which nothing can be written (QEMU's `blkdebug`, see the
//! manifest): after a few tries a search for frames leaves it alone.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(kernel::testing::run)]
#![reexport_test_harness_main = "test_main"]

extern crate alloc;

#[path = "common/session.rs"]
mod session;

use session::Session;

kernel::test_kernel!(test_main);

/// Writes that may fail in a row.
const MOST_FAILURES: u64 = 8;

#[test_case]
fn a_search_gives_the_disk_up_after_8_writes_that_failed() {
    let session = Session::script(&[
        "alloc demand 1M",  // 0
        "fill 0x1000 1M 7", // 1
        "swap",             // 2
        "evict 100",        // 3
        "swap",             // 4
        "regions 0",        // 5
        "read 0x1000 1",    // 6
        "audit",            // 7
        "free 0x1000",      // 8
    ]);
    let failed = |index| session.number(index, "failed");
    assert_eq!(session.number(3, "evicted"), 0);
    assert_eq!(failed(4) - failed(2), MOST_FAILURES);
    assert_eq!(
        (session.number(4, "used"), session.number(4, "written")),
        (0, 0)
    );
    assert_eq!(session.number(5, "resident"), 256, "all stay");
    assert_eq!(session.number(6, "faults"), 0);
    assert_eq!(session.field(7, "audit"), "ok");
}

#[test_case]
fn who_is_short_of_frames_is_refused_as_without_a_disk() {
    let session = Session::script(&[
        "alloc demand 1M",     // 0
        "fill 0x1000 512K 7",  // 1
        "swap",                // 2
        "limit frames 4",      // 3
        "fill 0x81000 512K 7", // 4
        "swap",                // 5
        "limit frames off",    // 6
        "audit",               // 7
        "free 0x1000",         // 8
    ]);
    session.fails(4, "too few frames: 1 frame needed, 0 may be handed out");
    let failed = session.number(5, "failed") - session.number(2, "failed");
    assert!(
        failed > 0 && failed.is_multiple_of(MOST_FAILURES),
        "{failed}"
    );
    assert!(failed <= 4 * MOST_FAILURES, "{failed} for one refusal");
    assert_eq!(session.field(7, "audit"), "ok");
}
