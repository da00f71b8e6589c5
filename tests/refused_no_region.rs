//! A write where no region lies ends in a report that names the nearest ones.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(kernel::testing::run)]
#![reexport_test_harness_main = "test_main"]

extern crate alloc;

mod common;

use alloc::string::ToString;
use common::{PAGE, allocate, counts, pages_at};
use core::sync::atomic::{AtomicU64, Ordering};
use kernel::cpu::access;
use kernel::cpu::vector::Vector;
use kernel::fault::{self, Reason};
use kernel::report::Report;
use kernel::spaces;
use kernel::testing::expect_report;
use memory::space::Backing;
use memory::{Outcome, Refusal};
use x86_64::VirtAddr;

kernel::test_kernel!(test_main);

/// 16 bytes past the end of the region below it, which ends on a page boundary.
const ADDRESS: VirtAddr = VirtAddr::new(0x14010);

/// Frames that are free before the refused write.
static FREE: AtomicU64 = AtomicU64::new(0);

#[test_case]
fn a_write_outside_of_every_region_is_refused_and_takes_no_frame() {
    expect_report(|report: &Report| {
        // Before anything is allocated: the heap has faults of its own.
        let event = spaces::memory()
            .fault_log(|log| log.last())
            .expect("this fault");
        assert_eq!(counts().free, FREE.load(Ordering::Relaxed));
        assert_eq!(report.context.vector(), Vector::PAGE_FAULT);
        assert_eq!(report.context.cr2, ADDRESS.as_u64());
        assert_eq!(
            report.context.error_code, 0b10,
            "a write, and the page is absent"
        );
        assert_eq!(report.reason, Some(Reason::Space(Refusal::NoRegion)));
        assert_eq!(report.overflowed, None);
        let place = fault::whereabouts(ADDRESS).expect("nobody holds a lock");
        assert_eq!(
            place.to_string(),
            "16 bytes past the end of below (demand, rw, 0x10000..0x14000), \
             49136 bytes before above (zero, rw, 0x20000..0x21000)"
        );
        assert_eq!(event.outcome, Outcome::Refused(Refusal::NoRegion));
        assert_eq!((event.region.as_u64(), event.frame.as_u64()), (0, 0));
        assert_eq!(event.fault.instruction.as_u64(), report.context.rip);
    });
    let below = allocate(pages_at(0x10000, 4, Backing::Demand).label("below"));
    allocate(pages_at(0x20000, 1, Backing::Zero).label("above"));
    assert_eq!(below.base + 4 * PAGE + 16, ADDRESS);
    FREE.store(counts().free, Ordering::Relaxed);
    // SAFETY: nothing lies there; that the write does not happen is what is tested.
    unsafe { access::write_byte(ADDRESS, 1) };
}
