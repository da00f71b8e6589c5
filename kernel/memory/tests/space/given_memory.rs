//! Memory that is given by its physical address: a device's, and what is mapped
//! for ever. Who may map it, where it may lie, and what is borrowed.

use faultline_memory::Features;
use faultline_memory::paging::Cache;
use faultline_memory::space::{AllocateError, Backing, Request, Rights};
use x86_64::{PhysAddr, VirtAddr};

use super::allocate_errors::allocate_refused;
use crate::common::machine::{FEATURES, FIXED_BASE, KERNEL_BASE, Machine};
use crate::common::operations::{KERNEL, LOW, PAGE, at};
use crate::common::snapshot::Snapshot;

const BASE: u64 = 0x4000_0000;

fn address(address: u64) -> VirtAddr {
    VirtAddr::new(address)
}

#[test]
fn device_memory_is_aligned_within_reach_and_not_managed() {
    let mut machine = Machine::with_features(Features {
        physical_bits: 46,
        ..FEATURES
    });
    let limit = 1 << 46;
    for (start, size) in [
        (limit, PAGE),
        (limit - PAGE, 2 * PAGE),
        (limit - PAGE / 2, 1),
        (0x1234, PAGE),
    ] {
        let device = Backing::Device(PhysAddr::new(start), Cache::Uncached);
        let refused = allocate_refused(&mut machine, LOW, Request::new(size, device));
        assert_eq!(refused, AllocateError::BadDeviceAddress { start });
    }
    let last = Backing::Device(PhysAddr::new(limit - PAGE), Cache::Uncached);
    machine.allocate(LOW, Request::new(PAGE, last));
    for start in [0x10_0000, 0x8f_f000] {
        let device = Backing::Device(PhysAddr::new(start), Cache::Uncached);
        let refused = allocate_refused(&mut machine, LOW, Request::new(PAGE, device));
        assert_eq!(refused, AllocateError::DeviceIsManaged { start });
    }
    let below = Backing::Device(PhysAddr::new(0xff000), Cache::Uncached);
    let refused = allocate_refused(&mut machine, LOW, Request::new(2 * PAGE, below));
    assert_eq!(refused, AllocateError::DeviceIsManaged { start: 0xff000 });
    for start in [0xb_8000, 0x90_0000, limit - PAGE] {
        let device = Backing::Device(PhysAddr::new(start), Cache::Uncached);
        machine.allocate(LOW, Request::new(PAGE, device));
    }
}

#[test]
fn a_fixed_mapping_needs_a_slot_of_its_own() {
    let mut machine = Machine::new();
    let device = machine.device();
    let map = |machine: &mut Machine, request: Request, start| {
        // SAFETY: simulated memory stays, and no Rust reference covers it.
        let result = unsafe { machine.kernel.map_fixed(request, start, &machine.memory) };
        machine.check();
        result
    };
    let fixed = Request::new(3 * PAGE, Backing::Fixed);
    let before = Snapshot::of(&machine);
    let elsewhere = fixed.placement(at(0xffff_8000_0000_0000));
    let no_slot = AllocateError::NoSlot {
        address: address(0xffff_8000_0000_0000),
    };
    assert_eq!(map(&mut machine, elsewhere, device), Err(no_slot));
    let anywhere = map(&mut machine, fixed, device);
    assert_eq!(anywhere, Err(AllocateError::FixedNeedsAddress));
    before.assert_unchanged(&Snapshot::of(&machine), "a refused fixed mapping");
    let here = fixed.placement(at(FIXED_BASE));
    assert!(map(&mut machine, here, device).is_ok());
    machine.write(FIXED_BASE + 8, 6).expect("it is mapped");
    assert_eq!(machine.bytes.read(device.as_u64() + 8), 6);
    assert_eq!((machine.faults(), machine.memory.borrowed()), (0, 0));
}

#[test]
fn a_fixed_mapping_reaches_to_the_end_of_its_slot_and_no_further() {
    let mut machine = Machine::new();
    let device = machine.device();
    let end = FIXED_BASE + (1 << 39);
    for (pages, result) in [
        (
            2,
            Err(AllocateError::NoSlot {
                address: address(end),
            }),
        ),
        (1, Ok(PAGE)),
    ] {
        let fixed = Request::new(pages * PAGE, Backing::Fixed).placement(at(end - PAGE));
        // SAFETY: simulated memory stays, and no Rust reference covers it.
        let mapped = unsafe { machine.kernel.map_fixed(fixed, device, &machine.memory) };
        machine.check();
        assert_eq!(mapped.map(|region| region.size), result);
    }
}

#[test]
fn device_memory_is_not_executed() {
    let mut machine = Machine::new();
    let start = machine.device();
    let device = Request::new(PAGE, Backing::Device(start, Cache::Uncached));
    let refused = allocate_refused(&mut machine, LOW, device.rights(Rights::ReadExecute));
    assert_eq!(
        refused,
        AllocateError::ExecutableDevice {
            start: start.as_u64()
        }
    );
    machine.allocate(LOW, device.rights(Rights::Read));
}

#[test]
fn only_map_device_maps_a_device_into_the_kernel_half() {
    let mut machine = Machine::new();
    let start = machine.device();
    let device = Request::new(2 * PAGE, Backing::Device(start, Cache::Uncached));
    let before = Snapshot::of(&machine);
    let refused = machine.kernel.allocate(device, &machine.memory);
    assert_eq!(refused, Err(AllocateError::GivenMemory { start }));
    before.assert_unchanged(&Snapshot::of(&machine), "a refused device");
    // SAFETY: simulated memory, which no Rust reference covers.
    let mapped = unsafe { machine.kernel.map_device(device, &machine.memory) };
    let base = mapped.expect("room and frames").base.as_u64();
    assert_eq!(base, KERNEL_BASE);
    machine.check();
    assert_eq!(machine.memory.borrowed(), 2);
    machine.write(base + PAGE + 8, 6).expect("it is mapped");
    assert_eq!(machine.bytes.read(start.as_u64() + PAGE + 8), 6);
    assert_eq!(machine.faults(), 0);
    assert_eq!(machine.free(KERNEL, base), 0, "no private frame");
    assert_eq!(machine.memory.borrowed(), 0);
}

#[test]
fn map_device_refuses_what_no_device_has() {
    let mut machine = Machine::new();
    let mut refused = |request| {
        let before = Snapshot::of(&machine);
        // SAFETY: simulated memory, which no Rust reference covers.
        let mapped = unsafe { machine.kernel.map_device(request, &machine.memory) };
        before.assert_unchanged(&Snapshot::of(&machine), "a refused device");
        mapped.expect_err("a refusal")
    };
    let device = |start| Request::new(PAGE, Backing::Device(PhysAddr::new(start), Cache::Uncached));
    let managed = AllocateError::DeviceIsManaged { start: 0x20_0000 };
    assert_eq!(refused(device(0x20_0000)), managed);
    let misplaced = AllocateError::BadDeviceAddress { start: 0x1234 };
    assert_eq!(refused(device(0x1234)), misplaced);
    let code = device(0xb_8000).rights(Rights::ReadExecute);
    let executable = AllocateError::ExecutableDevice { start: 0xb_8000 };
    assert_eq!(refused(code), executable);
}

#[test]
fn a_low_half_maps_a_device_as_anything_else() {
    let mut machine = Machine::new();
    let start = machine.device();
    let device = Request::new(PAGE, Backing::Device(start, Cache::Uncached)).user();
    let region = machine.allocate(LOW, device.placement(at(BASE)));
    assert_eq!(machine.memory.borrowed(), 1);
    assert_eq!(machine.physical_of(0, BASE), Some(start.as_u64()));
    assert_eq!(machine.free(LOW, region.base.as_u64()), 0);
    assert_eq!(machine.memory.borrowed(), 0);
}

#[test]
fn a_request_says_whether_it_is_for_a_device() {
    let device = Backing::Device(PhysAddr::new(0xb_8000), Cache::Uncached);
    let others = [
        Backing::Demand,
        Backing::Zero,
        Backing::Immediate,
        Backing::Guard,
        Backing::Fixed,
    ];
    assert!(Request::new(PAGE, device).is_device());
    assert!(
        others
            .iter()
            .all(|backing| !Request::new(PAGE, *backing).is_device())
    );
}
