//! Mappings that grow, shrink and move, and the heap: `brk`, `mremap` and
//! `MAP_GROWSDOWN`, called by a program in ring 3 that plays a script. What must
//! come back is what Linux 6.18 was seen to return.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(kernel::testing::run)]
#![reexport_test_harness_main = "test_main"]

extern crate alloc;

mod common;
mod script;

use alloc::vec::Vec;

use common::PAGE;
use script::*;

kernel::test_kernel!(test_main);

#[test_case]
fn a_mapping_with_map_growsdown_grows_to_where_it_is_touched_below() {
    let page = |number: u64| HERE + number * PAGE;
    let top = 4096;
    let growing = map(page(top), 2, RW, OWN | GROWS_DOWN);
    let mut steps = Vec::from([growing, write(page(top - 1), 5), write(page(top - 4), 6)]);
    steps.extend(resident(page(top - 4), &[1, 0, 0, 1, 0, 0]));
    steps.extend([
        // It is one mapping.
        mremap(
            page(top - 4),
            6 * PAGE,
            7 * PAGE,
            0,
            0,
            page(top - 4) as i64,
        ),
        mincore(page(top - 5), PAGE, ANSWERS, ENOMEM),
        // The kernel's accesses let it grow, too.
        mincore(page(top), PAGE, page(top - 6), OK),
        read(page(top - 6), 0),
        // 8 MiB are the most, with the 3 pages above.
        write(page(top + 3 - 2048), 7),
        read(page(top - 4), 6),
    ]);
    play(&steps);
    steps.push(write(page(top + 3 - 2049), 7));
    play_and_die(&steps, page(top + 3 - 2049));
}

#[test_case]
fn a_mapping_does_not_grow_near_to_what_may_be_accessed_and_one_without_the_flag_not_at_all() {
    let page = |number: u64| HERE + number * PAGE;
    let growing = |rights, flags| map(page(300), 2, rights, OWN | flags);
    let below = |rights, flags| map(HERE, 1, rights, OWN | flags);
    let near = [growing(RW, GROWS_DOWN), below(R, 0), write(page(257), 1)];
    play(&near);
    let too_near = [&near[..], &[write(page(256), 1)]].concat();
    play_and_die(&too_near, page(256));
    for below in [below(NONE, 0), below(R, GROWS_DOWN)] {
        play(&[growing(RW, GROWS_DOWN), below, write(page(1), 1)]);
    }
    // As near, nothing is placed unless it must be there.
    play(&[
        growing(RW, GROWS_DOWN),
        mmap(page(43), PAGE, RW, OWN, page(43) as i64),
        mmap(page(44), PAGE, RW, OWN, (TOP - PAGE) as i64),
        mmap(page(44), PAGE, RW, OWN | NO_REPLACE, page(44) as i64),
    ]);
    play(&[
        mmap(0, PAGE, RW, OWN | GROWS_DOWN, (TOP - PAGE) as i64),
        mmap(0, PAGE, RW, OWN, (TOP - 258 * PAGE) as i64),
    ]);
    // What grows has the rights of the mapping.
    play_and_die(&[growing(R, GROWS_DOWN), write(page(299), 1)], page(299));
    play_and_die(&[growing(RW, 0), write(page(299), 1)], page(299));
}

#[test_case]
fn the_heap_grows_and_shrinks_and_a_refusal_leaves_it_as_it_is() {
    let mut steps = Vec::from([
        brk(0, HEAP),
        brk(HEAP + 100, HEAP + 100),
        brk(0x1000, HEAP + 100),
        brk(1 << 60, HEAP + 100),
        write(HEAP + PAGE - 1, 5),
        brk(HEAP + 2 * PAGE, HEAP + 2 * PAGE),
        write(HEAP + PAGE, 6),
        map(HEAP + 4 * PAGE, 1, RW, OWN),
        // A page stays free in front of what follows.
        brk(HEAP + 4 * PAGE, HEAP + 2 * PAGE),
        brk(HEAP + 3 * PAGE, HEAP + 3 * PAGE),
        brk(HEAP + 3 * PAGE + 1, HEAP + 3 * PAGE),
    ]);
    steps.extend(resident(HEAP, &[1, 1, 0]));
    steps.extend([
        brk(HEAP + 1, HEAP + 1),
        mincore(HEAP + PAGE, PAGE, ANSWERS, ENOMEM),
        read(HEAP + PAGE - 1, 5),
        brk(HEAP + 2 * PAGE, HEAP + 2 * PAGE),
        read(HEAP + PAGE, 0),
        brk(HEAP, HEAP),
        brk(HEAP - 1, HEAP),
        mincore(HEAP, PAGE, ANSWERS, ENOMEM),
    ]);
    play(&steps);
}

#[test_case]
fn mremap_grows_shrinks_and_moves_with_what_the_pages_hold() {
    let page = |number: u64| HERE + number * PAGE;
    let mut steps = Vec::from([
        map(HERE, 4, RW, OWN),
        write(page(3), 4),
        mremap(HERE, 4 * PAGE, 6 * PAGE, 0, 0, HERE as i64),
        read(page(3), 4),
        mremap(HERE, 6 * PAGE, 4 * PAGE, 0, 0, HERE as i64),
        map(page(4), 1, R, OWN),
        mremap(HERE, 4 * PAGE, 5 * PAGE, 0, 0, ENOMEM),
        mremap(
            HERE,
            4 * PAGE,
            5 * PAGE,
            MAY_MOVE,
            0,
            (TOP - 5 * PAGE) as i64,
        ),
        read(TOP - 2 * PAGE, 4),
        mincore(HERE, PAGE, ANSWERS, ENOMEM),
        map(THERE, 3, RW, OWN),
        write(THERE + 2 * PAGE, 9),
        mremap(TOP - 5 * PAGE, 5 * PAGE, 2 * PAGE, TO, THERE, THERE as i64),
        read(THERE + 2 * PAGE, 9),
        mincore(TOP - 5 * PAGE, PAGE, ANSWERS, ENOMEM),
        mincore(TOP - PAGE, PAGE, ANSWERS, ENOMEM),
    ]);
    steps.extend(resident(THERE, &[0, 0, 1]));
    play(&steps);
}

#[test_case]
fn mremap_refuses_what_linux_refuses() {
    let page = |number: u64| HERE + number * PAGE;
    let remap = |from, old: u64, new: u64, flags, to, result| {
        mremap(from, old * PAGE, new * PAGE, flags, to, result)
    };
    play(&[
        map(HERE, 8, RW, OWN),
        munmap(page(4), PAGE, OK),
        remap(HERE + 1, 1, 1, 0, 0, EINVAL),
        remap(HERE, 1, 0, 0, 0, EINVAL),
        remap(HERE, 1, 1, 8, 0, EINVAL),
        remap(HERE, 1, 1, 2, THERE, EINVAL),
        remap(HERE, 1, 2, 4, 0, EINVAL),
        remap(HERE, 0, 1, MAY_MOVE, 0, EINVAL),
        remap(page(4), 1, 1, 0, 0, EFAULT),
        remap(page(4), 1, 2, MAY_MOVE, 0, EFAULT),
        remap(HERE, 5, 8, MAY_MOVE, 0, EFAULT),
        remap(HERE, 5, 5, MAY_MOVE, 0, HERE as i64),
        remap(HERE, 1, 2, 0, 0, ENOMEM),
        remap(page(2), 1, 3, 0, 0, ENOMEM),
        mremap(HERE, PAGE, 1 << 47, MAY_MOVE, 0, EINVAL),
        mremap(HERE, PAGE, u64::MAX, MAY_MOVE, 0, EINVAL),
        mremap(HERE, PAGE, PAGE.wrapping_neg(), MAY_MOVE, 0, EINVAL),
        mremap(HERE, PAGE.wrapping_neg(), PAGE, MAY_MOVE, 0, EINVAL),
        mremap(HERE, PAGE, 1, TO, HERE, EINVAL),
        remap(HERE, 1, 1, TO, HERE + 1, EINVAL),
        remap(HERE, 1, 1, TO, LIMIT, EINVAL),
        remap(HERE, 1, 1, TO, 1 << 47, EINVAL),
        remap(HERE, 2, 2, TO, page(1), EINVAL),
        remap(HERE, 1, 1, TO, 0xf000, EPERM),
        remap((1 << 48) + HERE, 1, 1, 0, 0, EFAULT),
        // What changes its size on the way is one mapping.
        remap(HERE, 8, 5, TO, THERE, EFAULT),
        remap(HERE, 8, 4, TO, THERE, THERE as i64),
        mincore(page(5), PAGE, ANSWERS, ENOMEM),
        map(HERE, 8, RW, OWN),
        munmap(page(4), PAGE, OK),
        // What does not may be several, with the gaps between them.
        remap(HERE, 8, 8, TO, THERE, THERE as i64),
        mincore(THERE + 4 * PAGE, PAGE, ANSWERS, ENOMEM),
        remap(THERE + 4 * PAGE, 4, 4, TO, HERE, EFAULT),
        remap(THERE, 8, 8, TO, HERE, HERE as i64),
        // A mapping whose parts have different rights is two.
        mprotect(page(1), PAGE, R, OK),
        remap(HERE, 2, 3, MAY_MOVE, 0, EFAULT),
        remap(HERE, 2, 2, MAY_MOVE, 0, HERE as i64),
        // Once they are alike it is one, wherever it came from.
        map(page(1), 1, RW, OWN),
        remap(HERE, 4, 6, 0, 0, ENOMEM),
        map(page(4), 1, RW, OWN),
        remap(HERE, 8, 9, 0, 0, HERE as i64),
    ]);
}
