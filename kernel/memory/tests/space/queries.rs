//! Questions to a space, which change nothing: the neighbours of an address, and
//! what of a region is mapped.

use faultline_memory::paging::{Cache, LeafSize};
use faultline_memory::space::{Backing, Region, Request, Resident, Rights};
use x86_64::{PhysAddr, VirtAddr};

use crate::common::machine::{KERNEL_BASE, Machine};
use crate::common::operations::{KERNEL, LOW, PAGE, at};

const BASE: u64 = 0x4000_0000;

#[test]
fn the_neighbours_of_an_address_lie_wholly_below_and_above_it() {
    let mut machine = Machine::new();
    let request = Request::new(2 * PAGE, Backing::Demand);
    let bases = [0, 2, 6].map(|page| BASE + page * PAGE);
    for base in bases {
        machine.allocate(LOW, request.placement(at(base)));
    }
    let [first, second, third] = bases.map(Some);
    let neighbours = [
        (BASE - 1, None, first),
        (BASE, None, second),
        (BASE + 2 * PAGE - 1, None, second),
        (BASE + 2 * PAGE, first, third),
        (BASE + 4 * PAGE, second, third),
        (BASE + 6 * PAGE - 1, second, third),
        (BASE + 6 * PAGE, second, None),
        (BASE + 8 * PAGE, third, None),
    ];
    for (address, below, above) in neighbours {
        let address = VirtAddr::new(address);
        let base = |region: Region| region.base.as_u64();
        let space = machine.space(0);
        assert_eq!(space.region_below(address).map(base), below, "{address:?}");
        assert_eq!(space.region_above(address).map(base), above, "{address:?}");
    }
}

#[test]
fn a_region_contains_its_first_and_its_last_byte() {
    let mut machine = Machine::new();
    let request = Request::new(2 * PAGE, Backing::Demand).placement(at(BASE));
    let region = machine.allocate(LOW, request);
    let end = BASE + 2 * PAGE;
    let addresses = [0, BASE - 1, BASE, end - 1, end, u64::MAX];
    let contains = addresses.map(|address| region.contains(VirtAddr::new(address)));
    assert_eq!(contains, [false, false, true, true, false, false]);
}

#[test]
fn a_region_is_called_as_was_asked_for() {
    let mut machine = Machine::new();
    let request = Request::new(PAGE, Backing::Demand).label("stack");
    let region = machine.allocate(LOW, request);
    assert_eq!(region.label, "stack");
    let found = machine.space(0).region_at(region.base);
    assert_eq!(found.map(|region| region.label), Some("stack"));
}

#[test]
fn what_is_mapped_of_a_region_is_counted_by_what_it_is() {
    let mut machine = Machine::new();
    let request = Request::new(6 * PAGE, Backing::Zero).placement(at(BASE));
    let region = machine.allocate(LOW, request);
    for page in [0, 1, 3] {
        machine.read(BASE + page * PAGE).expect("readable");
    }
    for page in [3, 4, 5] {
        machine.write(BASE + page * PAGE, 1).expect("writable");
    }
    let mapped = |zero, private| Resident {
        zero,
        private,
        ..Resident::default()
    };
    assert_eq!(machine.space(0).resident(&region), mapped(2, 3));
    // Each part that `protect` makes has what lies in it.
    machine.protect(LOW, BASE, 3 * PAGE, Rights::Read);
    let parts: Vec<_> = machine.half(LOW).regions().collect();
    let resident: Vec<_> = parts
        .iter()
        .map(|part| machine.half(LOW).resident(part))
        .collect();
    assert_eq!(resident, [mapped(2, 0), mapped(0, 3)]);
}

#[test]
fn a_large_page_counts_with_all_its_frames() {
    let mut machine = Machine::new();
    let request = Request::new(LeafSize::Size2MiB.bytes(), Backing::Immediate);
    let region = machine.allocate(KERNEL, request.placement(at(KERNEL_BASE)));
    let whole = machine.kernel.resident(&region);
    assert_eq!((whole.private, whole.zero, whole.borrowed), (512, 0, 0));
}

#[test]
fn the_most_resident_frames_are_remembered_when_they_go() {
    let mut machine = Machine::new();
    let request = |backing| Request::new(8 * PAGE, backing);
    let device = Backing::Device(PhysAddr::new(0x90_0000), Cache::Uncached);
    machine.allocate(LOW, request(Backing::Zero).placement(at(BASE)));
    machine.allocate(LOW, request(device).placement(at(2 * BASE)));
    let of = |machine: &mut Machine| {
        let space = machine.space(0);
        (space.resident_frames(), space.most_resident_frames())
    };
    machine.read(BASE).expect("readable");
    assert_eq!(of(&mut machine), (0, 0), "zeroes and a device");
    for page in 0..5 {
        machine.write(BASE + page * PAGE, 1).expect("writable");
    }
    assert_eq!(of(&mut machine), (5, 5));
    machine.discard(LOW, BASE + PAGE, 3 * PAGE);
    assert_eq!(of(&mut machine), (2, 5));
    machine.write(BASE + 2 * PAGE, 1).expect("writable");
    assert_eq!(of(&mut machine), (3, 5));
    let around = request(Backing::Demand).fault_around(8);
    machine.allocate(LOW, around.placement(at(3 * BASE)));
    machine.write(3 * BASE, 1).expect("writable");
    assert_eq!(of(&mut machine), (11, 11), "one fault, eight pages");
    let child = machine.fork(0);
    let child = machine.space(child);
    let frames = (child.resident_frames(), child.most_resident_frames());
    assert_eq!(frames, (11, 11));
    machine.write(BASE, 2).expect("writable");
    assert_eq!(of(&mut machine), (11, 11), "a copy for what was shared");
}

#[test]
fn the_pages_of_a_device_are_borrowed() {
    let mut machine = Machine::new();
    let device = Backing::Device(PhysAddr::new(0x90_0000), Cache::Uncached);
    let request = Request::new(3 * PAGE, device).placement(at(BASE));
    let region = machine.allocate(LOW, request);
    let whole = machine.space(0).resident(&region);
    assert_eq!((whole.private, whole.zero, whole.borrowed), (0, 0, 3));
}

#[test]
fn rights_and_backings_are_one_word_each() {
    let rights = [Rights::Read, Rights::ReadWrite, Rights::ReadExecute];
    assert_eq!(rights.map(|rights| rights.to_string()), ["r", "rw", "rx"]);
    let backings = [
        Backing::Immediate,
        Backing::Demand,
        Backing::Zero,
        Backing::Device(PhysAddr::new(0x90_0000), Cache::Uncached),
        Backing::Guard,
        Backing::Fixed,
    ];
    let words = ["immediate", "demand", "zero", "device", "guard", "fixed"];
    assert_eq!(backings.map(|backing| backing.to_string()), words);
}

#[test]
fn a_walk_to_the_other_half_ends_in_the_root() {
    let mut machine = Machine::new();
    for (half, base) in [(LOW, BASE), (KERNEL, KERNEL_BASE)] {
        machine.allocate(
            half,
            Request::new(PAGE, Backing::Demand).placement(at(base)),
        );
        machine.write(base, 1).expect("writable");
    }
    for (half, here, there) in [(LOW, BASE, KERNEL_BASE), (KERNEL, KERNEL_BASE, BASE)] {
        let half = machine.half(half);
        assert_eq!(half.walk(VirtAddr::new(here)).end().level, 1);
        assert!(half.translate(VirtAddr::new(here)).is_some());
        assert_eq!(half.walk(VirtAddr::new(there)).end().level, 4);
        assert_eq!(half.translate(VirtAddr::new(there)), None);
    }
}

#[test]
fn a_half_is_shown_with_its_scope_its_root_and_how_many_regions_it_has() {
    let mut machine = Machine::new();
    machine.allocate(LOW, Request::new(PAGE, Backing::Demand));
    machine.allocate(LOW, Request::new(PAGE, Backing::Guard));
    let space = machine.space(0);
    let (scope, root) = (space.scope(), space.root());
    let shown = format!("{space:?}");
    let half = format!("Half {{ scope: {scope:?}, regions: 2, root: {root:?}, .. }}");
    assert_eq!(shown, format!("Space({half})"));
}
