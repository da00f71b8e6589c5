//! System calls about memory, made by a program in ring 3 that plays a script:
//! each step is a call, or an access, and what it must return. Every number here
//! is what Linux returned to the same steps.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(kernel::testing::run)]
#![reexport_test_harness_main = "test_main"]

extern crate alloc;

mod common;

use alloc::vec::Vec;

use common::{PAGE, counts, pages_at};
use kernel::account::meter::measure;
use kernel::cpu::ring3::{Context, END};
use kernel::process::{Ending, Heap, KERNEL, Processes};
use kernel::{interrupts, spaces};
use memory::Space;
use memory::space::{Backing, Rights};
use spin::Once;
use x86_64::VirtAddr;

kernel::test_kernel!(test_main);

const CODE: u64 = 0x40_0000;
/// Where the script lies, so many pages.
const SCRIPT: u64 = 0x50_0000;
const SCRIPT_PAGES: u64 = 4;
/// A page for what calls answer.
const ANSWERS: u64 = 0x60_0000;
/// Where the heap begins.
const HEAP: u64 = 0x70_0000;
/// A free place, for mappings at a given address, and another one.
const HERE: u64 = 0x1000_0000;
const THERE: u64 = 0x2000_0000;
/// The last page of the low half is nobody's.
const LIMIT: u64 = END - PAGE;
/// Where the highest mapping ends.
const TOP: u64 = LIMIT - (128 << 20);

const MMAP: u64 = 9;
const MPROTECT: u64 = 10;
const MUNMAP: u64 = 11;
const BRK: u64 = 12;
const MREMAP: u64 = 25;
const MSYNC: u64 = 26;
const MINCORE: u64 = 27;
const MADVISE: u64 = 28;
const FTRUNCATE: u64 = 77;
const MEMFD_CREATE: u64 = 319;

/// No call: reads a byte, or writes one.
const READ_BYTE: u64 = 1000;
const WRITE_BYTE: u64 = 1001;
/// The end of the script.
const END_OF_SCRIPT: u64 = 1002;

const OK: i64 = 0;
const EPERM: i64 = -1;
const EBADF: i64 = -9;
const ENOMEM: i64 = -12;
const EACCES: i64 = -13;
const EFAULT: i64 = -14;
const EEXIST: i64 = -17;
const EINVAL: i64 = -22;
const EOVERFLOW: i64 = -75;

const NONE: u64 = 0;
const R: u64 = 1;
const RW: u64 = 3;
const RX: u64 = 5;

const SHARED: u64 = 0x1;
const PRIVATE: u64 = 0x2;
const FIXED: u64 = 0x10;
const ANONYMOUS: u64 = 0x20;
const GROWS_DOWN: u64 = 0x100;
const POPULATE: u64 = 0x8000;
const NO_REPLACE: u64 = 0x10_0000;
const OWN: u64 = PRIVATE | ANONYMOUS;

const DONT_NEED: u64 = 4;
const FREE: u64 = 8;
const HUGE: u64 = 14;
const POPULATE_READ: u64 = 22;
const POPULATE_WRITE: u64 = 23;

const MAY_MOVE: u64 = 1;
const TO: u64 = 3;

/// A step: the call, what is passed, and what must come back.
type Step = (u64, [u64; 6], i64);

fn mmap(address: u64, length: u64, rights: u64, flags: u64, result: i64) -> Step {
    let none = u64::MAX;
    (MMAP, [address, length, rights, flags, none, 0], result)
}

/// Maps whole pages at a place, which must work.
fn map(address: u64, pages: u64, rights: u64, flags: u64) -> Step {
    let result = address as i64;
    mmap(address, pages * PAGE, rights, flags | FIXED, result)
}

/// Maps pages of an open file to be read and written.
fn mmap_file(address: u64, pages: u64, file: u64, offset: u64, flags: u64, result: i64) -> Step {
    let passed = [address, pages * PAGE, RW, flags, file, offset];
    (MMAP, passed, result)
}

fn munmap(address: u64, length: u64, result: i64) -> Step {
    (MUNMAP, [address, length, 0, 0, 0, 0], result)
}

fn mprotect(address: u64, length: u64, rights: u64, result: i64) -> Step {
    (MPROTECT, [address, length, rights, 0, 0, 0], result)
}

fn madvise(address: u64, length: u64, advice: u64, result: i64) -> Step {
    (MADVISE, [address, length, advice, 0, 0, 0], result)
}

fn mremap(from: u64, old: u64, new: u64, flags: u64, to: u64, result: i64) -> Step {
    (MREMAP, [from, old, new, flags, to, 0], result)
}

fn mincore(address: u64, length: u64, vector: u64, result: i64) -> Step {
    (MINCORE, [address, length, vector, 0, 0, 0], result)
}

fn msync(address: u64, length: u64, flags: u64, result: i64) -> Step {
    (MSYNC, [address, length, flags, 0, 0, 0], result)
}

fn brk(end: u64, result: u64) -> Step {
    (BRK, [end, 0, 0, 0, 0, 0], result as i64)
}

fn read(address: u64, byte: i64) -> Step {
    (READ_BYTE, [address, 0, 0, 0, 0, 0], byte)
}

fn write(address: u64, byte: u64) -> Step {
    (WRITE_BYTE, [address, byte, 0, 0, 0, 0], 0)
}

/// Says which of the pages from `address` on are there.
fn resident(address: u64, pages: &[u8]) -> Vec<Step> {
    let mut steps = Vec::from([mincore(address, pages.len() as u64 * PAGE, ANSWERS, OK)]);
    let bytes = (0..).zip(pages);
    steps.extend(bytes.map(|(number, page)| read(ANSWERS + number, i64::from(*page))));
    steps
}

/// The bytes of the program that plays a script. It ends with 0, or with the number
/// of the first step, from 1 on, that did not return what it must.
fn player() -> &'static [u8] {
    let (start, end): (*const u8, *const u8);
    // SAFETY: the code is jumped over; it is read only, as part of the kernel's text.
    unsafe {
        core::arch::asm!(
            "lea {start}, [rip + 2f]",
            "lea {end}, [rip + 3f]",
            "jmp 3f",
            "2:",
            "mov ebx, 0x500000",
            "xor ebp, ebp",
            "90: inc ebp",
            "mov rax, [rbx]", "mov rdi, [rbx + 8]", "mov rsi, [rbx + 16]",
            "mov rdx, [rbx + 24]", "mov r10, [rbx + 32]", "mov r8, [rbx + 40]",
            "mov r9, [rbx + 48]",
            "cmp eax, 1000", "je 91f",
            "cmp eax, 1001", "je 92f",
            "cmp eax, 1002", "je 94f",
            "syscall", "jmp 93f",
            "91: movzx eax, byte ptr [rdi]", "jmp 93f",
            "92: mov [rdi], sil", "xor eax, eax",
            "93: add rbx, 64",
            "cmp rax, [rbx - 8]", "je 90b",
            "mov edi, ebp", "mov eax, 60", "syscall",
            "94: xor edi, edi", "mov eax, 60", "syscall",
            "3:",
            start = out(reg) start,
            end = out(reg) end,
        );
        core::slice::from_raw_parts(start, end.offset_from_unsigned(start))
    }
}

/// A space with the player and its script.
fn space_of(steps: &[Step]) -> Space {
    static INTERRUPTS: Once = Once::new();
    INTERRUPTS.call_once(interrupts::init);
    let mut space = spaces::create().expect("a frame for its root");
    let memory = spaces::memory();
    let requests = [
        pages_at(CODE, 1, Backing::Demand),
        pages_at(SCRIPT, SCRIPT_PAGES, Backing::Immediate),
        pages_at(ANSWERS, 1, Backing::Immediate),
    ];
    for request in requests {
        let allocated = space.allocate(request.user(), memory);
        allocated.expect("the space is empty");
    }
    let code = VirtAddr::new(CODE);
    space.write(code, player(), memory).expect("it is there");
    let protected = space.protect(code, PAGE, Rights::ReadExecute, memory);
    protected.expect("it is there");
    assert!(steps.len() as u64 * 64 < SCRIPT_PAGES * PAGE && steps.len() < 256);
    let end = (END_OF_SCRIPT, [0; 6], 0);
    for (number, (call, passed, result)) in (0..).zip(steps.iter().chain([&end])) {
        let mut words = [0; 8];
        words[0] = *call;
        words[1..7].copy_from_slice(passed);
        words[7] = *result as u64;
        let bytes = words.map(u64::to_le_bytes);
        let place = VirtAddr::new(SCRIPT + number * 64);
        let written = space.write(place, bytes.as_flattened(), memory);
        written.expect("it is there");
    }
    space
}

/// Plays a script. All frames are back then. Returns the faults that it took.
fn play_to(steps: &[Step], expected: Ending) -> u64 {
    let mut processes = Processes::new();
    let mut faults = 0;
    let mut left = Vec::new();
    // The heap keeps the pages that the first runs have touched.
    for _ in 0..3 {
        let context = Context::new(VirtAddr::new(CODE), VirtAddr::new(ANSWERS));
        let heap = Heap::behind(VirtAddr::new(HEAP - 100));
        let id = processes.spawn(KERNEL, space_of(steps), context, heap);
        let id = id.expect("room for a process");
        let (ending, measured) = measure(|| processes.run(id));
        if let Some(Ending::Exited(number @ 1..)) = ending {
            panic!("step {number}: {:?}", steps[usize::from(number) - 1]);
        }
        assert_eq!(ending, Some(expected));
        faults = measured.cost.faults;
        left.push(counts());
    }
    assert_eq!(left[1], left[2]);
    spaces::audit(processes.spaces()).expect("every invariant holds");
    faults
}

fn play(steps: &[Step]) -> u64 {
    play_to(steps, Ending::Exited(0))
}

/// The process is killed by its last step, behind the end of what it maps there.
fn play_past_the_end(steps: &[Step], address: u64) {
    play_to(steps, Ending::PastEnd(VirtAddr::new(address)));
}

/// The process is killed by its last step, an access to this address.
fn play_and_die(steps: &[Step], address: u64) {
    play_to(steps, Ending::BadAccess(VirtAddr::new(address)));
}

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
