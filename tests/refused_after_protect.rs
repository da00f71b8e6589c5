//! A page that lost the right to write refuses the next write: no older translation lets it through.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(kernel::testing::run)]
#![reexport_test_harness_main = "test_main"]

mod common;

use common::{address, allocate, direct, pages_at, physical, write};
use kernel::cpu::access;
use kernel::fault::Reason;
use kernel::report::Report;
use kernel::spaces;
use kernel::testing::expect_report;
use memory::space::{Backing, Rights};
use memory::{Access, Refusal};

kernel::test_kernel!(test_main);

#[test_case]
fn a_write_after_protect_is_refused_and_what_was_written_before_stays() {
    expect_report(|report: &Report| {
        assert_eq!(report.context.cr2, 0x11004);
        assert_eq!(
            report.context.error_code, 0b11,
            "a write, and the page is present"
        );
        let refusal = Refusal::Protection(Access::Write);
        assert_eq!(report.reason, Some(Reason::Space(refusal)));
        let place = physical(address(0x11004)).expect("the page stays mapped");
        // SAFETY: the frame is the region's own, where no Rust value stands.
        assert_eq!(unsafe { access::read_byte(direct(place)) }, 7);
    });
    let region = allocate(pages_at(0x10000, 2, Backing::Demand));
    write(&region, 0x1004, 7);
    let done = spaces::current(|space, memory| {
        space.protect(address(0x11000), 4096, Rights::Read, memory)
    });
    assert_eq!(done, Ok(()));
    // The other page of the region is not concerned.
    write(&region, 0x4, 9);
    write(&region, 0x1004, 9);
}
