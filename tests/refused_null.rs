//! Page 0 is never mapped: a null pointer is named as one.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(kernel::testing::run)]
#![reexport_test_harness_main = "test_main"]

mod common;

use common::address;
use kernel::cpu::access;
use kernel::fault::Reason;
use kernel::report::Report;
use kernel::testing::expect_report;
use memory::Refusal;

kernel::test_kernel!(test_main);

#[test_case]
fn a_read_through_a_null_pointer_is_refused_as_such() {
    expect_report(|report: &Report| {
        assert_eq!(report.context.cr2, 8);
        assert_eq!(
            report.context.error_code, 0,
            "a read, and the page is absent"
        );
        assert_eq!(report.reason, Some(Reason::Space(Refusal::NullPage)));
    });
    // SAFETY: nothing lies there; that the read does not happen is what is tested.
    unsafe { access::read_byte(address(8)) };
}
