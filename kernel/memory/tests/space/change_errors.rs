//! Every refusal to free, to discard and to protect, by its variant, and that it
//! changed nothing.

use faultline_memory::paging::Cache;
use faultline_memory::space::{Backing, DiscardError, FreeError, ProtectError, Request, Rights};
use x86_64::VirtAddr;

use crate::common::machine::{FIXED_BASE, Machine};
use crate::common::operations::{KERNEL, LOW, PAGE, at};
use crate::common::snapshot::Snapshot;

const BASE: u64 = 0x4000_0000;

fn page() -> Request {
    Request::new(PAGE, Backing::Demand)
}

fn address(address: u64) -> VirtAddr {
    VirtAddr::new(address)
}

#[test]
fn free_takes_the_base_of_an_allocation() {
    let mut machine = Machine::new();
    machine.allocate(
        LOW,
        Request::new(4 * PAGE, Backing::Demand).placement(at(BASE)),
    );
    machine.protect(LOW, BASE + 2 * PAGE, PAGE, Rights::Read);
    let before = Snapshot::of(&machine);
    for inside in [BASE + 1, BASE + PAGE, BASE + 2 * PAGE, BASE + 3 * PAGE] {
        let refused = machine.try_free(LOW, inside);
        assert_eq!(
            refused,
            Err(FreeError::NotTheBase {
                base: address(BASE)
            })
        );
    }
    for outside in [0, BASE - 1, BASE + 4 * PAGE] {
        let refused = machine.try_free(LOW, outside);
        assert_eq!(
            refused,
            Err(FreeError::NoRegion {
                address: address(outside)
            })
        );
    }
    before.assert_unchanged(&Snapshot::of(&machine), "a refused free");
}

#[test]
fn a_fixed_region_is_not_freed() {
    let mut machine = Machine::new();
    let fixed = Request::new(PAGE, Backing::Fixed).placement(at(FIXED_BASE));
    machine.allocate(KERNEL, fixed);
    let before = Snapshot::of(&machine);
    let refused = machine.try_free(KERNEL, FIXED_BASE);
    assert_eq!(
        refused,
        Err(FreeError::Fixed {
            base: address(FIXED_BASE)
        })
    );
    before.assert_unchanged(&Snapshot::of(&machine), "a refused free");
}

#[test]
fn discard_takes_whole_pages_of_demand_and_zero_regions() {
    let mut machine = Machine::new();
    machine.allocate(LOW, page().placement(at(BASE)));
    let immediate = Request::new(PAGE, Backing::Immediate);
    machine.allocate(LOW, immediate.placement(at(BASE + PAGE)));
    machine.write(BASE, 1).expect("writable");
    let before = Snapshot::of(&machine);
    for (start, size) in [(BASE + 1, PAGE), (BASE, 100), (BASE, 0)] {
        let refused = machine.try_discard(LOW, start, size);
        assert_eq!(
            refused,
            Err(DiscardError::Unaligned {
                start: address(start),
                size
            })
        );
    }
    let refused = machine.try_discard(LOW, BASE - PAGE, 2 * PAGE);
    assert_eq!(
        refused,
        Err(DiscardError::NoRegion {
            address: BASE - PAGE
        })
    );
    let refused = machine.try_discard(LOW, BASE, 2 * PAGE);
    let not_on_demand = DiscardError::NotOnDemand {
        base: address(BASE + PAGE),
        backing: Backing::Immediate,
    };
    assert_eq!(refused, Err(not_on_demand));
    before.assert_unchanged(&Snapshot::of(&machine), "a refused discard");
}

#[test]
fn protect_takes_whole_pages_of_managed_regions() {
    let mut machine = Machine::new();
    machine.allocate(LOW, page().placement(at(BASE)));
    let guard = Request::new(PAGE, Backing::Guard);
    machine.allocate(LOW, guard.placement(at(BASE + PAGE)));
    machine.write(BASE, 1).expect("writable");
    let before = Snapshot::of(&machine);
    for (start, size) in [(BASE + 1, PAGE), (BASE, 100), (BASE, 0)] {
        let refused = machine.try_protect(LOW, start, size, Rights::Read);
        assert_eq!(
            refused,
            Err(ProtectError::Unaligned {
                start: address(start),
                size
            })
        );
    }
    let refused = machine.try_protect(LOW, BASE - PAGE, 2 * PAGE, Rights::Read);
    assert_eq!(
        refused,
        Err(ProtectError::NoRegion {
            address: BASE - PAGE
        })
    );
    let refused = machine.try_protect(LOW, BASE, 2 * PAGE, Rights::Read);
    let not_managed = ProtectError::NotManaged {
        base: address(BASE + PAGE),
        backing: Backing::Guard,
    };
    assert_eq!(refused, Err(not_managed));
    before.assert_unchanged(&Snapshot::of(&machine), "a refused protect");
}

#[test]
fn protect_makes_no_device_executable() {
    let mut machine = Machine::new();
    let device = Backing::Device(machine.device(), Cache::Uncached);
    machine.allocate(LOW, Request::new(PAGE, device).placement(at(BASE)));
    let before = Snapshot::of(&machine);
    let refused = machine.try_protect(LOW, BASE, PAGE, Rights::ReadExecute);
    assert_eq!(
        refused,
        Err(ProtectError::ExecutableDevice {
            base: address(BASE)
        })
    );
    before.assert_unchanged(&Snapshot::of(&machine), "a refused protect");
    machine.protect(LOW, BASE, PAGE, Rights::Read);
}
