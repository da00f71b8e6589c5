//! System calls about memory, made by a program in ring 3 that plays a script:
//! each step is a call, or an access, and what it must return. Most of it is what
//! Linux 6.18 was seen to return; the two differences are marked. That both answer
//! alike is tested by `boot/tests/same`, with random scripts.
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
use kernel::process::Summary;
use memory::Outcome;
use script::*;

kernel::test_kernel!(test_main);

#[test_case]
fn mmap_refuses_what_linux_refuses() {
    play(&[
        mmap(0, 0, RW, OWN, EINVAL),
        (MMAP, [0, PAGE, RW, OWN, u64::MAX, 1], EINVAL),
        mmap(0, 1 << 47, RW, OWN, ENOMEM),
        mmap(0, LIMIT, RW, OWN, ENOMEM),
        mmap(0, u64::MAX, RW, OWN, ENOMEM),
        mmap(0, PAGE, RW, ANONYMOUS, EINVAL),
        mmap(0, PAGE, RW, ANONYMOUS | SHARED | PRIVATE, EINVAL),
        mmap(0, PAGE, RW, ANONYMOUS | SHARED | GROWS_DOWN, EINVAL),
        mmap(0, PAGE, RW, PRIVATE, EBADF),
        mmap(0, 0, RW, PRIVATE, EBADF),
        (MMAP, [0, PAGE, RW, PRIVATE, u64::MAX, 1], EINVAL),
        mmap(HERE + 1, PAGE, RW, OWN | FIXED, EINVAL),
        mmap(HERE + 1, PAGE, RW, OWN | NO_REPLACE, EINVAL),
        mmap(LIMIT, PAGE, RW, OWN | FIXED, ENOMEM),
        mmap(LIMIT - PAGE, 2 * PAGE, RW, OWN | FIXED, ENOMEM),
        mmap(1 << 47, PAGE, RW, OWN | FIXED, ENOMEM),
        mmap(0, PAGE, RW, OWN | FIXED, EPERM),
        mmap(0xf000, PAGE, RW, OWN | FIXED, EPERM),
        mmap(HERE, PAGE, R, OWN | NO_REPLACE, HERE as i64),
        mmap(HERE, PAGE, R, OWN | NO_REPLACE, EEXIST),
        // The one difference: Linux maps it.
        mmap(HERE, PAGE, 7, OWN | FIXED, EACCES),
        mmap(HERE, PAGE, 6, OWN | FIXED, EACCES),
        // What was there still is.
        read(HERE, 0),
    ]);
}

#[test_case]
fn mappings_are_placed_from_the_top_down_and_at_free_hints() {
    let page = |number: u64| (TOP - number * PAGE) as i64;
    play(&[
        mmap(0, 4 * PAGE, RW, OWN, page(4)),
        mmap(0, 1, RW, OWN, page(5)),
        munmap(TOP - 2 * PAGE, PAGE, OK),
        mmap(0, 2 * PAGE, RW, OWN, page(7)),
        mmap(0, PAGE, RW, OWN, page(2)),
        mmap(HERE + 77, PAGE, RW, OWN, HERE as i64),
        mmap(HERE, PAGE, RW, OWN, page(8)),
        mmap(1, PAGE, RW, OWN, page(9)),
        mmap(0x1000, PAGE, RW, OWN, 0x1_0000),
        mmap(LIMIT, PAGE, RW, OWN, page(10)),
        mmap(LIMIT - PAGE, PAGE, RW, OWN, (LIMIT - PAGE) as i64),
    ]);
}

#[test_case]
fn a_process_is_told_its_most_frames_and_its_faults_by_outcome() {
    let touched = |pages: u64| (0..pages).map(|page| write(HERE + page * PAGE, 1));
    let mut steps = Vec::from([map(HERE, 8, RW, OWN)]);
    let alone = play_and_sum_up(&steps);
    steps.extend(touched(6));
    steps.extend([read(HERE + 6 * PAGE, 0), read(HERE + 7 * PAGE, 0)]);
    steps.extend([write(HERE + 7 * PAGE, 1), munmap(HERE, 8 * PAGE, OK)]);
    steps.push(map(HERE, 8, RW, OWN));
    steps.extend(touched(3));
    let used = play_and_sum_up(&steps);
    // Seven at once, three of them a second time. The page of zeroes is nobody's.
    assert_eq!(used.most_frames, alone.most_frames + 7);
    let more = |outcome: Outcome| {
        let of = |used: &Summary| used.by_outcome[outcome.index()];
        of(&used) - of(&alone)
    };
    assert_eq!(more(Outcome::ZeroWrite), 9);
    assert_eq!(more(Outcome::ZeroRead), 2);
    assert_eq!(more(Outcome::PrivateCopy), 1);
    assert_eq!(used.used.faults() - alone.used.faults(), 12);
}

#[test_case]
fn anonymous_memory_is_zeroes_that_become_physical_page_by_page() {
    let mut steps = Vec::from([map(HERE, 4, RW, OWN)]);
    steps.extend(resident(HERE, &[0, 0, 0, 0]));
    steps.extend([read(HERE, 0), write(HERE, 5), read(HERE, 5)]);
    steps.extend([read(HERE + PAGE, 0), write(HERE + 3 * PAGE, 6)]);
    steps.extend(resident(HERE, &[1, 1, 0, 1]));
    // Once for its code and its script, and zeroes read, replaced, read, written.
    let without = play(&[map(HERE, 4, RW, OWN)]);
    assert_eq!(play(&steps) - without, 4);
}

#[test_case]
fn populated_memory_is_there_at_once_and_its_faults_are_counted() {
    let without = play(&[map(HERE, 8, RW, OWN)]);
    let mut steps = Vec::from([map(HERE, 8, RW, OWN | POPULATE)]);
    steps.extend(resident(HERE, &[1; 8]));
    steps.extend((0..8).map(|page| write(HERE + page * PAGE, 1)));
    assert_eq!(play(&steps) - without, 8);
    steps.push(madvise(HERE, 8 * PAGE, DONT_NEED, OK));
    steps.push(read(HERE, 0));
    steps.extend(resident(HERE, &[1, 0, 0, 0, 0, 0, 0, 0]));
    assert_eq!(play(&steps) - without, 9);
    // Only to be read: zeroes. Without any access: nothing.
    let mut steps = Vec::from([map(HERE, 2, R, OWN | POPULATE)]);
    steps.extend(resident(HERE, &[1, 1]));
    steps.push(map(HERE, 2, NONE, OWN | POPULATE));
    steps.extend(resident(HERE, &[0, 0]));
    assert_eq!(play(&steps) - without, 2);
}

#[test_case]
fn shared_memory_is_there_for_whoever_maps_it_after_its_pages_are_let_go() {
    let mut steps = Vec::from([
        map(HERE, 4, RW, SHARED | ANONYMOUS),
        write(HERE, 5),
        read(HERE + PAGE, 0),
        madvise(HERE, 4 * PAGE, DONT_NEED, OK),
    ]);
    steps.extend(resident(HERE, &[1, 1, 0, 0]));
    steps.push(read(HERE, 5));
    steps.push(mremap(HERE, 4 * PAGE, 8 * PAGE, 0, 0, HERE as i64));
    play(&steps);
    // It is longer than what is behind it.
    steps.push(madvise(HERE, 8 * PAGE, POPULATE_READ, EFAULT));
    steps.push(read(HERE + 4 * PAGE, 0));
    play_past_the_end(&steps, HERE + 4 * PAGE);
}

#[test_case]
fn a_memfd_is_mapped_shared_to_be_written_and_private_to_be_copied() {
    let open = (MEMFD_CREATE, [ANSWERS, 0, 0, 0, 0, 0], 3);
    let mut steps = Vec::from([
        open,
        (FTRUNCATE, [3, 2 * PAGE, 0, 0, 0, 0], OK),
        mmap_file(0, 0, 3, 0, SHARED, EINVAL),
        mmap_file(0, 1, 99, 0, SHARED, EBADF),
        mmap_file(0, 1, 3, PAGE - 1, SHARED, EINVAL),
        mmap_file(0, 1, 3, PAGE.wrapping_neg(), SHARED, EOVERFLOW),
        mmap_file(HERE, 4, 3, 0, SHARED | FIXED, HERE as i64),
        mmap_file(THERE, 2, 3, 0, PRIVATE | FIXED, THERE as i64),
        write(HERE, 5),
        read(THERE, 5),
        write(THERE, 6),
        write(HERE, 7),
        read(THERE, 6),
        madvise(THERE, PAGE, FREE, EINVAL),
        madvise(THERE, PAGE, DONT_NEED, OK),
        read(THERE, 7),
        mmap_file(THERE, 1, 3, PAGE, SHARED | FIXED, THERE as i64),
        write(THERE, 8),
        read(HERE + PAGE, 8),
        madvise(HERE + 2 * PAGE, PAGE, POPULATE_READ, EFAULT),
    ]);
    steps.extend(resident(HERE, &[1, 1, 0, 0]));
    steps.push(munmap(HERE, PAGE, OK));
    // What is behind it counts, not who mapped it.
    steps.push(mmap_file(HERE, 1, 3, 0, SHARED | FIXED, HERE as i64));
    steps.extend(resident(HERE, &[1]));
    steps.push(read(HERE + 2 * PAGE, 0));
    play_past_the_end(&steps, HERE + 2 * PAGE);
}

#[test_case]
fn what_map_fixed_would_replace_stays_when_the_new_mapping_is_refused() {
    let open = (MEMFD_CREATE, [ANSWERS, 0, 0, 0, 0, 0], 3);
    let instead = |rights, offset, result| {
        let passed = [HERE, 2 * PAGE, rights, SHARED | FIXED, 3, offset];
        (MMAP, passed, result)
    };
    play(&[
        open,
        (FTRUNCATE, [3, 2 * PAGE, 0, 0, 0, 0], OK),
        mmap_file(THERE, 2, 3, 0, SHARED | FIXED, THERE as i64),
        map(HERE, 2, RW, OWN),
        write(HERE, 5),
        write(HERE + PAGE, 6),
        // It is written there, so that it is not executed here.
        instead(RX, 0, EACCES),
        read(HERE, 5),
        instead(R, PAGE.wrapping_neg(), EOVERFLOW),
        read(HERE + PAGE, 6),
        instead(R, PAGE, HERE as i64),
        read(HERE, 0),
    ]);
}

#[test_case]
fn what_may_not_be_accessed_keeps_what_it_holds() {
    let mut steps = Vec::from([
        map(HERE, 4, RW, OWN),
        write(HERE, 5),
        read(HERE + PAGE, 0),
        mprotect(HERE, 4 * PAGE, NONE, OK),
        // The kernel may not access it either.
        mincore(HERE, PAGE, HERE, EFAULT),
        madvise(HERE, PAGE, POPULATE_READ, EINVAL),
    ]);
    steps.extend(resident(HERE, &[1, 1, 0, 0]));
    let mut again = steps.clone();
    again.extend([mprotect(HERE, 4 * PAGE, RW, OK), read(HERE, 5)]);
    again.extend([write(HERE, 6), read(HERE + PAGE, 0)]);
    let without = play(&[map(HERE, 4, RW, OWN)]);
    // A page written, one read, and the kernel's own, which was refused.
    assert_eq!(play(&again) - without, 3);
    steps.push(read(HERE, 0));
    play_and_die(&steps, HERE);
    play_and_die(&[map(HERE, 1, NONE, OWN), write(HERE, 1)], HERE);
    play_and_die(&[map(HERE, 1, R, OWN), read(HERE, 0), write(HERE, 1)], HERE);
}

#[test_case]
fn munmap_ends_what_is_there_and_leaves_gaps_alone() {
    let steps = [
        munmap(HERE, 0, EINVAL),
        munmap(HERE + 1, PAGE, EINVAL),
        munmap(0, PAGE, OK),
        munmap(0, 1, OK),
        munmap(LIMIT, PAGE, EINVAL),
        munmap(LIMIT - PAGE, PAGE, OK),
        munmap(1 << 47, PAGE, EINVAL),
        munmap(PAGE, u64::MAX, EINVAL),
        munmap(PAGE, PAGE.wrapping_neg(), EINVAL),
        map(HERE, 8, RW, OWN),
        write(HERE + 7 * PAGE, 7),
        munmap(HERE + 2 * PAGE, 4 * PAGE - 1, OK),
        munmap(HERE, 6 * PAGE, OK),
        mincore(HERE + 6 * PAGE, 2 * PAGE, ANSWERS, OK),
        mincore(HERE + 5 * PAGE, PAGE, ANSWERS, ENOMEM),
        read(HERE + 7 * PAGE, 7),
        read(HERE + 5 * PAGE, 0),
    ];
    play_and_die(&steps, HERE + 5 * PAGE);
}

#[test_case]
fn mprotect_stops_at_the_first_gap_and_keeps_what_it_did() {
    play(&[
        map(HERE, 8, RW, OWN),
        munmap(HERE + 4 * PAGE, PAGE, OK),
        mprotect(HERE, 0, 0x40, OK),
        mprotect(HERE + 1, 0, 0, EINVAL),
        mprotect(HERE + 1, PAGE, 0, EINVAL),
        mprotect(HERE, PAGE, 0x40, EINVAL),
        mprotect(HERE, PAGE, 0x10, EINVAL),
        mprotect(HERE + 4 * PAGE, PAGE, 0x40, EINVAL),
        mprotect(HERE, PAGE, 8, OK),
        mprotect(HERE, u64::MAX, R, ENOMEM),
        mprotect(HERE, PAGE.wrapping_neg(), R, ENOMEM),
        mprotect(1 << 47, PAGE, R, ENOMEM),
        mprotect((1 << 48) + HERE, PAGE, R, ENOMEM),
        mprotect(PAGE.wrapping_neg(), PAGE, R, ENOMEM),
        mprotect(HERE + 4 * PAGE, 2 * PAGE, R, ENOMEM),
        // The one difference: Linux allows it.
        mprotect(HERE, PAGE, 7, EACCES),
        mprotect(HERE, PAGE, RX, OK),
        mprotect(HERE, 8 * PAGE, R, ENOMEM),
        madvise(HERE + 3 * PAGE, PAGE, POPULATE_WRITE, EINVAL),
        madvise(HERE + 5 * PAGE, PAGE, POPULATE_WRITE, OK),
    ]);
}

#[test_case]
fn madvise_does_what_can_be_done_and_tells_of_gaps_in_the_end() {
    let mut steps = Vec::from([
        map(HERE, 8, RW, OWN),
        munmap(HERE + 4 * PAGE, PAGE, OK),
        write(HERE, 1),
        write(HERE + 7 * PAGE, 1),
        madvise(HERE + 1, PAGE, DONT_NEED, EINVAL),
        madvise(HERE, PAGE, 99, EINVAL),
        madvise(HERE, 0, 99, EINVAL),
        madvise(HERE, 0, DONT_NEED, OK),
        madvise(HERE, u64::MAX, DONT_NEED, EINVAL),
        madvise(HERE, PAGE.wrapping_neg(), DONT_NEED, EINVAL),
        madvise(1 << 47, PAGE, DONT_NEED, ENOMEM),
        madvise((1 << 48) + HERE, PAGE, DONT_NEED, ENOMEM),
        madvise((1 << 48) + HERE, PAGE, POPULATE_READ, ENOMEM),
        madvise(0, PAGE, DONT_NEED, ENOMEM),
        madvise(HERE, 4 * PAGE, HUGE, OK),
        madvise(HERE, 8 * PAGE, HUGE, ENOMEM),
        madvise(HERE, 4 * PAGE, FREE, OK),
        read(HERE, 1),
        madvise(HERE, 8 * PAGE, DONT_NEED, ENOMEM),
        read(HERE, 0),
        read(HERE + 7 * PAGE, 0),
        madvise(HERE + 2 * PAGE, 4 * PAGE, POPULATE_WRITE, ENOMEM),
    ]);
    steps.extend(resident(HERE, &[1, 0, 1, 1]));
    steps.extend(resident(HERE + 5 * PAGE, &[0, 0, 1]));
    steps.extend([
        map(THERE, 1, RW, SHARED | ANONYMOUS),
        madvise(THERE, PAGE, FREE, EINVAL),
        mprotect(HERE, 2 * PAGE, R, OK),
        madvise(HERE, 2 * PAGE, POPULATE_READ, OK),
        madvise(HERE, PAGE, POPULATE_WRITE, EINVAL),
    ]);
    play(&steps);
}

#[test_case]
fn advice_about_large_pages_is_taken_and_changes_nothing() {
    const NO_HUGE: u64 = 15;
    let without = play(&[map(HERE, 512, RW, OWN)]);
    for advice in [HUGE, NO_HUGE] {
        let mut steps = Vec::from([
            map(HERE, 512, RW, OWN),
            madvise(HERE, 512 * PAGE, advice, OK),
            write(HERE + PAGE, 1),
        ]);
        steps.extend(resident(HERE, &[0, 1, 0]));
        assert_eq!(play(&steps) - without, 1);
    }
}

#[test_case]
fn mincore_and_msync_check_what_they_are_passed() {
    play(&[
        map(HERE, 4, RW, OWN),
        munmap(HERE + PAGE, PAGE, OK),
        mincore(HERE, 0, 0, OK),
        mincore(HERE + 1, PAGE, ANSWERS, EINVAL),
        mincore(HERE, PAGE, 0, EFAULT),
        mincore(HERE, PAGE, u64::MAX, EFAULT),
        mincore(1 << 47, PAGE, ANSWERS, ENOMEM),
        mincore(HERE, 1 << 47, ANSWERS, ENOMEM),
        mincore(HERE, u64::MAX, ANSWERS, ENOMEM),
        mincore(HERE + PAGE, PAGE, 0, ENOMEM),
        write(ANSWERS, 9),
        write(ANSWERS + 1, 9),
        mincore(HERE, 4 * PAGE, ANSWERS, ENOMEM),
        read(ANSWERS, 0),
        read(ANSWERS + 1, 9),
        mincore(HERE, 1, ANSWERS, OK),
        msync(HERE, PAGE, 4, OK),
        msync(HERE, 2 * PAGE, 4, ENOMEM),
        msync(HERE + 1, PAGE, 4, EINVAL),
        msync(HERE, PAGE, 5, EINVAL),
        msync(HERE, PAGE, 8, EINVAL),
        msync(HERE, 0, 4, OK),
        msync(HERE, PAGE, 0, OK),
    ]);
}
