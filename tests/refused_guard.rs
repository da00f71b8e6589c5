//! A guard region refuses every access, and says what it is.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(kernel::testing::run)]
#![reexport_test_harness_main = "test_main"]

mod common;

use common::{address, allocate, pages_at, physical, read};
use kernel::fault::Reason;
use kernel::report::Report;
use kernel::testing::expect_report;
use memory::Refusal;
use memory::space::Backing;

kernel::test_kernel!(test_main);

#[test_case]
fn a_read_of_a_guard_page_is_refused() {
    expect_report(|report: &Report| {
        assert_eq!(report.context.cr2, 0x10008);
        assert_eq!(
            report.context.error_code, 0,
            "a read, and the page is absent"
        );
        assert_eq!(report.reason, Some(Reason::Space(Refusal::Guard)));
        assert_eq!(physical(address(0x10000)), None);
    });
    let guard = allocate(pages_at(0x10000, 1, Backing::Guard).label("guard"));
    read(&guard, 8);
}
