//! Several address spaces: each has its own low half, all share the kernel's.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(kernel::testing::run)]
#![reexport_test_harness_main = "test_main"]

extern crate alloc;

mod common;

use alloc::vec;
use common::{
    NOTHING, PAGE, allocate, audit, cost, counts, flags, free, pages_at, physical, read, write,
};
use kernel::account::meter::{Cost, measure};
use kernel::cpu::access;
use kernel::spaces;
use memory::space::{Backing, Region, Request};
use memory::{Outcome, Space};
use x86_64::VirtAddr;
use x86_64::registers::control::Cr3;
use x86_64::structures::paging::PageTableFlags;

kernel::test_kernel!(test_main);

const BASE: u64 = 0x10000;

fn create() -> Space {
    spaces::create().expect("a frame for the root")
}

#[test_case]
fn a_new_space_costs_one_frame_and_gives_it_back() {
    let before = counts();
    let (space, measured) = measure(create);
    assert_eq!(measured.cost, cost(0, 0, 1));
    assert_eq!(space.region_count(), 0);
    assert_eq!(spaces::destroy(space), 0);
    assert_eq!(counts(), before);
}

#[test_case]
fn the_loaded_root_is_that_of_the_current_space() {
    let root = || spaces::current(|space, _| space.root());
    let first = root();
    assert_eq!(Cr3::read().0, first);
    let second = create();
    let expected = second.root();
    let old = spaces::load(second);
    assert_eq!(old.root(), first);
    assert_eq!((Cr3::read().0, root()), (expected, expected));
    let second = spaces::load(old);
    assert_eq!(Cr3::read().0, first);
    spaces::destroy(second);
}

#[test_case]
fn the_same_address_holds_other_bytes_in_another_space() {
    let before = counts();
    let here = allocate(pages_at(BASE, 1, Backing::Demand));
    write(&here, 5, 0xaa);
    let first = physical(here.base);

    let old = spaces::load(create());
    assert_eq!(physical(here.base), None);
    let there = allocate(pages_at(BASE, 1, Backing::Demand));
    let (byte, measured) = measure(|| read(&there, 5));
    assert_eq!((byte, measured.cost), (0, cost(1, 1, 3)));
    write(&there, 5, 0xbb);
    assert_ne!(physical(there.base), first);

    let other = spaces::load(old);
    let report = spaces::audit([&other]).expect("every invariant holds");
    assert_eq!(report.halves, 3);
    let (byte, measured) = measure(|| read(&here, 5));
    assert_eq!((byte, measured.cost), (0xaa, NOTHING));
    let old = spaces::load(other);
    assert_eq!(read(&there, 5), 0xbb);

    let other = spaces::load(old);
    assert_eq!(spaces::destroy(other), 1);
    assert_eq!(read(&here, 5), 0xaa);
    assert_eq!(free(&here), 1);
    assert_eq!(counts(), before);
}

#[test_case]
fn a_destroyed_space_gives_back_all_that_it_held() {
    let before = counts();
    let old = spaces::load(create());
    let demand = allocate(pages_at(BASE, 32, Backing::Demand));
    (0..32).for_each(|page| write(&demand, page * PAGE, 1));
    let zero = allocate(pages_at(0x7000_0000_0000, 8, Backing::Zero));
    assert_eq!(read(&zero, 0), 0);
    write(&zero, PAGE, 1);
    allocate(pages_at(0x2000_0000, 4, Backing::Immediate));
    let space = spaces::load(old);
    assert_eq!(space.region_count(), 3);
    spaces::audit([&space]).expect("every invariant holds");
    assert_eq!(spaces::destroy(space), 32 + 1 + 4);
    assert_eq!(counts(), before);
    audit();
}

#[test_case]
fn the_kernel_half_is_the_same_in_every_space() {
    let on_the_heap = vec![1_u8, 2, 3];
    let old = spaces::load(create());

    // A region that is made while one space is loaded is there in the other.
    let request = Request::new(2 * PAGE, Backing::Demand);
    let region = spaces::kernel_half(|space, memory| space.allocate(request, memory))
        .expect("the kernel half has room");
    write(&region, 0, 0x11);
    assert!(flags(region.base).contains(PageTableFlags::GLOBAL));
    let frame = physical(region.base);

    let other = spaces::load(old);
    let (byte, measured) = measure(|| read(&region, 0));
    assert_eq!((byte, measured.cost), (0x11, NOTHING));
    assert_eq!(physical(region.base), frame);
    let (_, measured) = measure(|| write(&region, PAGE, 0x22));
    assert_eq!(measured.cost.faults, 1);

    let old = spaces::load(other);
    assert_eq!(read(&region, PAGE), 0x22);
    assert_eq!(on_the_heap, [1, 2, 3]);
    // SAFETY: the region is the test's own, and nothing refers to it.
    let freed = spaces::kernel_half(|half, memory| unsafe { half.free(region.base, memory) });
    assert_eq!(freed, Ok(2));
    let other = spaces::load(old);
    assert_eq!(physical(region.base), None);
    spaces::destroy(other);
}

#[test_case]
fn the_bytes_of_a_space_that_is_not_loaded_can_be_read_and_written() {
    let old = spaces::load(create());
    let region = allocate(pages_at(BASE, 2, Backing::Demand));
    write(&region, PAGE - 1, 1);
    let mut other = spaces::load(old);

    let end_of_page = region.base + (PAGE - 1);
    let mut bytes = [0; 3];
    let (result, measured) = measure(|| {
        let memory = spaces::memory();
        other.write(end_of_page + 1, &[2, 3], memory)?;
        other.read(end_of_page, &mut bytes, memory)
    });
    assert_eq!((result, bytes), (Ok(()), [1, 2, 3]));
    assert_eq!(measured.cost, cost(1, 1, 0));

    let old = spaces::load(other);
    assert_eq!(
        [PAGE - 1, PAGE, PAGE + 1].map(|offset| read(&region, offset)),
        [1, 2, 3]
    );
    let other = spaces::load(old);
    assert_eq!(spaces::destroy(other), 2);
}

#[test_case]
fn the_stack_can_be_used_across_a_change_of_spaces() {
    let local = 0x5a_u8;
    let place = VirtAddr::from_ptr(&raw const local);
    let old = spaces::load(create());
    // SAFETY: the byte is a local variable that nobody writes to.
    assert_eq!(unsafe { access::read_byte(place) }, 0x5a);
    let other = spaces::load(old);
    spaces::destroy(other);
}

/// A region of so many pages, each written with its number, and a copy of the
/// space that is loaded.
fn forked(pages: u64) -> (Region, Space) {
    let region = allocate(pages_at(BASE, pages, Backing::Demand));
    (0..pages).for_each(|page| write(&region, page * PAGE, page as u8));
    let child = spaces::current(Space::fork).expect("frames enough");
    (region, child)
}

/// How often each became of a fault so far: a shared copy, a take-over.
fn shared_writes() -> [u64; 2] {
    let outcomes = [Outcome::SharedCopy, Outcome::TakenOver];
    spaces::memory().fault_log(|log| outcomes.map(|outcome| log.count(outcome)))
}

#[test_case]
fn a_fork_takes_tables_and_a_record_and_no_page() {
    let before = counts();
    let ((region, child), _) = measure(|| forked(16));
    let (second, measured) = measure(|| spaces::current(Space::fork).expect("frames enough"));
    let record = 1;
    assert_eq!(
        measured.cost,
        Cost {
            records: record,
            ..cost(0, 0, 4)
        }
    );
    assert_eq!(counts().shared, before.shared + 16);
    let first = physical(region.base).expect("mapped");
    assert_eq!(spaces::memory().owners(first), 3);
    spaces::audit([&child, &second]).expect("every invariant holds");
    assert_eq!(spaces::destroy(child) + spaces::destroy(second), 0);
    assert_eq!(spaces::memory().owners(first), 1);
    assert_eq!(free(&region), 16);
    assert_eq!(counts(), before);
}

#[test_case]
fn the_first_that_writes_gets_a_copy_and_the_last_owner_keeps_the_page() {
    let (region, child) = forked(2);
    let shared = physical(region.base);
    let [copies, taken] = shared_writes();
    let parent = spaces::load(child);
    let (_, measured) = measure(|| write(&region, 5, 0xbb));
    assert_eq!(measured.cost, cost(1, 1, 0));
    assert_ne!(physical(region.base), shared);
    assert_eq!((read(&region, 5), read(&region, PAGE)), (0xbb, 1));
    let child = spaces::load(parent);
    spaces::audit([&child]).expect("every invariant holds");
    let (byte, measured) = measure(|| read(&region, 5));
    assert_eq!((byte, measured.cost), (0, NOTHING));
    let (_, measured) = measure(|| write(&region, 5, 0xaa));
    assert_eq!(measured.cost, cost(1, 0, 0));
    assert_eq!(physical(region.base), shared);
    assert_eq!(shared_writes(), [copies + 1, taken + 1]);
    let (_, measured) = measure(|| write(&region, 6, 0xaa));
    assert_eq!(measured.cost, NOTHING);
    spaces::audit([&child]).expect("every invariant holds");
    assert_eq!(spaces::destroy(child), 1);
    assert_eq!(free(&region), 2);
}

#[test_case]
fn a_parent_that_is_destroyed_first_leaves_its_pages_to_the_child() {
    let before = counts();
    let outer = spaces::load(create());
    let (region, child) = forked(3);
    let parent = spaces::load(child);
    assert_eq!(spaces::destroy(parent), 0);
    spaces::audit([&outer]).expect("every invariant holds");
    let (_, measured) = measure(|| (0..3).for_each(|page| write(&region, page * PAGE + 1, 9)));
    assert_eq!(measured.cost, cost(3, 0, -4));
    assert_eq!((0..3).map(|page| read(&region, page * PAGE)).sum::<u8>(), 3);
    let child = spaces::load(outer);
    assert_eq!(spaces::destroy(child), 3);
    assert_eq!(counts(), before);
    audit();
}

#[test_case]
fn a_parent_that_has_a_page_cached_as_writable_faults_after_the_fork() {
    let region = allocate(pages_at(BASE, 1, Backing::Demand));
    write(&region, 0, 1);
    let (child, measured) = measure(|| {
        let child = spaces::current(Space::fork).expect("frames enough");
        write(&region, 0, 2);
        child
    });
    assert_eq!(measured.cost.faults, 1);
    let mut byte = [0];
    let mut child = child;
    let read_there = child.read(region.base, &mut byte, spaces::memory());
    assert_eq!((read_there, byte), (Ok(()), [1]));
    spaces::destroy(child);
    assert_eq!(free(&region), 1);
}
