//! Running out of frames in the middle of a touch is named, and changes nothing.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(kernel::testing::run)]
#![reexport_test_harness_main = "test_main"]

mod common;

use common::{address, allocate, audit, counts, pages_at, physical, set_limit, write};
use core::sync::atomic::{AtomicU64, Ordering};
use kernel::fault::Reason;
use kernel::report::Report;
use kernel::testing::expect_report;
use memory::Refusal;
use memory::space::Backing;

kernel::test_kernel!(test_main);

#[test_case]
fn a_touch_without_a_frame_left_is_refused_and_leaves_nothing_behind() {
    static FREE: AtomicU64 = AtomicU64::new(0);
    expect_report(|report: &Report| {
        assert_eq!(report.context.cr2, 0x4000_0000);
        assert_eq!(
            report.context.error_code, 0b10,
            "a write, and the page is absent"
        );
        assert_eq!(report.reason, Some(Reason::Space(Refusal::OutOfFrames)));
        // Two frames were left: the page's own, and one of its three tables.
        assert_eq!(counts().limit, Some(2));
        assert_eq!(counts().free, FREE.load(Ordering::Relaxed));
        assert_eq!(physical(address(0x4000_0000)), None);
        set_limit(None);
        audit();
    });
    let region = allocate(pages_at(0x4000_0000, 1, Backing::Demand));
    FREE.store(counts().free, Ordering::Relaxed);
    set_limit(Some(2));
    write(&region, 0, 1);
}
