//! Chapter 12: where to go from here.

use faultline_memory::Outcome;
use faultline_memory::paging::{Entry, EntryKind, LeafSize};
use faultline_memory::space::{Backing, Request};
use x86_64::{PhysAddr, VirtAddr};

use crate::common::machine::Machine;
use crate::common::operations::{LOW, PAGE, at};

const BASE: u64 = 0x4000_0000;

/// The level 1 entry of the page at `BASE`.
fn entry(machine: &mut Machine) -> Entry {
    let end = machine.space(0).walk(VirtAddr::new(BASE)).end();
    assert_eq!(end.level, 1);
    end.entry
}

/// Exercise 2. An entry of software's is neither a leaf nor unused: a walk shows it, its table stays for its sake, and the
/// processor faults on it as on nothing. The fault then decides by what it says.
#[test]
fn an_entry_of_softwares_is_not_present_and_not_forgotten() {
    let mut machine = Machine::new();
    machine.allocate(
        LOW,
        Request::new(2 * PAGE, Backing::Demand).placement(at(BASE)),
    );
    let start = VirtAddr::new(BASE);
    let empty = machine.counts();
    let made = machine.with(LOW, |space, memory| space.reserve(start, PAGE, memory));
    assert_eq!(made, Ok(1));
    let reserved = entry(&mut machine);
    assert_eq!(reserved.kind(1), EntryKind::Reserved);
    assert!(!reserved.is_present());
    assert_ne!(reserved, Entry::UNUSED);
    assert_eq!(machine.physical_of(0, BASE), None, "it maps nothing");
    assert_eq!(machine.counts().private, empty.private);
    assert_eq!(machine.counts().tables, empty.tables + 3);
    machine.check();

    // The last page beside it goes, and the table stays. What is to be kept is not thrown away with the empty entries.
    machine.write(BASE + PAGE, 1).expect("writable");
    assert_eq!(machine.discard(LOW, BASE + PAGE, PAGE), 1);
    assert_eq!(machine.counts().tables, empty.tables + 3);

    machine.write(BASE, 7).expect("reserved");
    assert_eq!(machine.outcome(), Some(Outcome::Demand));
    let frame = machine.physical_of(0, BASE).expect("it was written");
    let leaf = EntryKind::Leaf(PhysAddr::new(frame), LeafSize::Size4KiB);
    assert_eq!(entry(&mut machine).kind(1), leaf);
    machine.check();
}
