//! Data is not executed: a fetch from a writable region is refused.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(kernel::testing::run)]
#![reexport_test_harness_main = "test_main"]

mod common;

use common::{allocate, pages_at, write};
use kernel::fault::Reason;
use kernel::report::Report;
use kernel::testing::expect_report;
use memory::space::Backing;
use memory::{Access, Refusal};

kernel::test_kernel!(test_main);

#[test_case]
fn a_fetch_from_a_region_of_data_is_refused() {
    expect_report(|report: &Report| {
        assert_eq!((report.context.cr2, report.context.rip), (0x10000, 0x10000));
        assert_eq!(
            report.context.error_code, 0b1_0001,
            "a fetch, and the page is present"
        );
        let refusal = Refusal::Protection(Access::Execute);
        assert_eq!(report.reason, Some(Reason::Space(refusal)));
    });
    const RET: u8 = 0xc3;
    let region = allocate(pages_at(0x10000, 1, Backing::Demand));
    write(&region, 0, RET);
    // SAFETY: what stands there would be a function that returns, if it could be executed.
    let function: extern "sysv64" fn() = unsafe { core::mem::transmute(region.base.as_u64()) };
    function();
}
