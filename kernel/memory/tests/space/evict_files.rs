//! Pages of files that nobody maps any more, and what they are after they went.

use faultline_memory::Outcome;
use faultline_memory::object::{ObjectKind, Sharing};

use super::evict::{BASE, evict_all};
use super::objects::mapped;
use crate::common::machine::file_byte;
use crate::common::operations::PAGE;

#[test]
fn a_page_of_a_file_goes_when_nobody_maps_it_and_is_read_again() {
    let (mut machine, object) = mapped(ObjectKind::File, Sharing::Private);
    let id = object.id();
    let drop_page = |machine: &crate::common::machine::Machine, page| {
        let dropped = machine.memory.drop_object_page(id, page);
        machine.check();
        dropped
    };
    assert!(!drop_page(&machine, 1), "it is not there");
    machine.read(BASE + PAGE).expect("readable");
    let before = machine.counts();
    assert!(!drop_page(&machine, 1), "it is mapped");
    assert_eq!(evict_all(&mut machine, 0), 1);
    assert!(drop_page(&machine, 1));
    // The page, and the tables of its array and of its counter.
    assert!(machine.counts().free > before.free);
    assert_eq!(machine.counts().shared, 0);
    assert_eq!(machine.memory.pages_held(id), 0);
    assert!(!drop_page(&machine, 1), "it went");
    assert_eq!(machine.read(BASE + PAGE), Ok(file_byte(1)));
    let outcomes = [Outcome::Blocked, Outcome::ObjectMapped];
    assert_eq!(machine.outcomes, outcomes);
    machine.memory.release_object(object);
}

#[test]
fn a_page_of_shared_memory_and_one_past_the_end_do_not_go() {
    let (mut machine, object) = mapped(ObjectKind::SharedMemory, Sharing::Shared);
    let id = object.id();
    machine.write(BASE, 5).expect("writable");
    machine.discard(crate::common::operations::LOW, BASE, PAGE);
    assert!(
        !machine.memory.drop_object_page(id, 0),
        "nobody else has it"
    );
    assert!(!machine.memory.drop_object_page(id, u64::MAX));
    machine.check();
    assert_eq!(machine.read(BASE), Ok(5));
    machine.memory.release_object(object);
}
