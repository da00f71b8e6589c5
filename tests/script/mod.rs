//! A program in ring 3 that plays a script: steps, each of them a system call or an
//! access, and what it must return.
#![allow(dead_code, reason = "each kernel uses some of it")]

use alloc::vec::Vec;

use crate::common::{PAGE, counts, pages_at};
use kernel::account::meter::measure;
use kernel::cpu::ring3::{Context, END};
use kernel::process::{Ending, Heap, KERNEL, Processes, Summary};
use kernel::{interrupts, spaces};
use memory::Space;
use memory::space::{Backing, Rights};
use x86_64::VirtAddr;

const CODE: u64 = 0x40_0000;
/// Where the script lies, so many pages.
const SCRIPT: u64 = 0x50_0000;
const SCRIPT_PAGES: u64 = 4;
/// A page for what calls answer.
pub const ANSWERS: u64 = 0x60_0000;
/// Where the heap begins.
pub const HEAP: u64 = 0x70_0000;
/// A free place, for mappings at a given address, and another one.
pub const HERE: u64 = 0x1000_0000;
pub const THERE: u64 = 0x2000_0000;
/// The last page of the low half is nobody's.
pub const LIMIT: u64 = END - PAGE;
/// Where the highest mapping ends.
pub const TOP: u64 = LIMIT - (128 << 20);

pub const MMAP: u64 = 9;
const MPROTECT: u64 = 10;
const MUNMAP: u64 = 11;
const BRK: u64 = 12;
const MREMAP: u64 = 25;
const MSYNC: u64 = 26;
const MINCORE: u64 = 27;
const MADVISE: u64 = 28;
pub const FTRUNCATE: u64 = 77;
pub const MEMFD_CREATE: u64 = 319;

/// No call: reads a byte, or writes one.
const READ_BYTE: u64 = 1000;
const WRITE_BYTE: u64 = 1001;
/// The end of the script.
const END_OF_SCRIPT: u64 = 1002;

pub const OK: i64 = 0;
pub const EPERM: i64 = -1;
pub const EBADF: i64 = -9;
pub const ENOMEM: i64 = -12;
pub const EACCES: i64 = -13;
pub const EFAULT: i64 = -14;
pub const EEXIST: i64 = -17;
pub const EINVAL: i64 = -22;
pub const EOVERFLOW: i64 = -75;

pub const NONE: u64 = 0;
pub const R: u64 = 1;
pub const RW: u64 = 3;
pub const RX: u64 = 5;

pub const SHARED: u64 = 0x1;
pub const PRIVATE: u64 = 0x2;
pub const FIXED: u64 = 0x10;
pub const ANONYMOUS: u64 = 0x20;
pub const GROWS_DOWN: u64 = 0x100;
pub const POPULATE: u64 = 0x8000;
pub const NO_REPLACE: u64 = 0x10_0000;
pub const OWN: u64 = PRIVATE | ANONYMOUS;

pub const DONT_NEED: u64 = 4;
pub const FREE: u64 = 8;
pub const HUGE: u64 = 14;
pub const POPULATE_READ: u64 = 22;
pub const POPULATE_WRITE: u64 = 23;

pub const MAY_MOVE: u64 = 1;
pub const TO: u64 = 3;

/// A step: the call, what is passed, and what must come back.
pub type Step = (u64, [u64; 6], i64);

pub fn mmap(address: u64, length: u64, rights: u64, flags: u64, result: i64) -> Step {
    let none = u64::MAX;
    (MMAP, [address, length, rights, flags, none, 0], result)
}

/// Maps whole pages at a place, which must work.
pub fn map(address: u64, pages: u64, rights: u64, flags: u64) -> Step {
    let result = address as i64;
    mmap(address, pages * PAGE, rights, flags | FIXED, result)
}

/// Maps pages of an open file to be read and written.
pub fn mmap_file(
    address: u64,
    pages: u64,
    file: u64,
    offset: u64,
    flags: u64,
    result: i64,
) -> Step {
    let passed = [address, pages * PAGE, RW, flags, file, offset];
    (MMAP, passed, result)
}

pub fn munmap(address: u64, length: u64, result: i64) -> Step {
    (MUNMAP, [address, length, 0, 0, 0, 0], result)
}

pub fn mprotect(address: u64, length: u64, rights: u64, result: i64) -> Step {
    (MPROTECT, [address, length, rights, 0, 0, 0], result)
}

pub fn madvise(address: u64, length: u64, advice: u64, result: i64) -> Step {
    (MADVISE, [address, length, advice, 0, 0, 0], result)
}

pub fn mremap(from: u64, old: u64, new: u64, flags: u64, to: u64, result: i64) -> Step {
    (MREMAP, [from, old, new, flags, to, 0], result)
}

pub fn mincore(address: u64, length: u64, vector: u64, result: i64) -> Step {
    (MINCORE, [address, length, vector, 0, 0, 0], result)
}

pub fn msync(address: u64, length: u64, flags: u64, result: i64) -> Step {
    (MSYNC, [address, length, flags, 0, 0, 0], result)
}

pub fn brk(end: u64, result: u64) -> Step {
    (BRK, [end, 0, 0, 0, 0, 0], result as i64)
}

pub fn read(address: u64, byte: i64) -> Step {
    (READ_BYTE, [address, 0, 0, 0, 0, 0], byte)
}

pub fn write(address: u64, byte: u64) -> Step {
    (WRITE_BYTE, [address, byte, 0, 0, 0, 0], 0)
}

/// Says which of the pages from `address` on are there.
pub fn resident(address: u64, pages: &[u8]) -> Vec<Step> {
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
    interrupts::init();
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

/// What a script took.
struct Played {
    /// Page faults of the whole machine.
    faults: u64,
    /// What it has used itself.
    summary: Summary,
}

/// Plays a script. All frames are back then.
fn play_to(steps: &[Step], expected: Ending) -> Played {
    let mut processes = Processes::new();
    let mut played = None;
    let mut left = Vec::new();
    // The heap keeps the pages that the first runs have touched.
    for _ in 0..3 {
        let context = Context::new(VirtAddr::new(CODE), VirtAddr::new(ANSWERS));
        let heap = Heap::behind(VirtAddr::new(HEAP - 100));
        let id = processes.spawn(KERNEL, space_of(steps), context, heap);
        let id = id.expect("room for a process");
        let (summary, measured) = measure(|| processes.run_and_sum_up(id));
        let summary = summary.expect("it was spawned");
        if let Ending::Exited(number @ 1..) = summary.ending {
            panic!("step {number}: {:?}", steps[usize::from(number) - 1]);
        }
        assert_eq!(summary.ending, expected);
        let faults = measured.cost.faults;
        played = Some(Played { faults, summary });
        left.push(counts());
    }
    assert_eq!(left[1], left[2]);
    spaces::audit([]).expect("every invariant holds");
    played.expect("it was played")
}

/// Plays a script. Returns the faults that it took.
pub fn play(steps: &[Step]) -> u64 {
    play_to(steps, Ending::Exited(0)).faults
}

/// Plays a script. Returns what it has used.
pub fn play_and_sum_up(steps: &[Step]) -> Summary {
    play_to(steps, Ending::Exited(0)).summary
}

/// The process is killed by its last step, behind the end of what it maps there.
pub fn play_past_the_end(steps: &[Step], address: u64) {
    play_to(steps, Ending::PastEnd(VirtAddr::new(address)));
}

/// The process is killed by its last step, an access to this address.
pub fn play_and_die(steps: &[Step], address: u64) {
    play_to(steps, Ending::BadAccess(VirtAddr::new(address)));
}
