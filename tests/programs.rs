//! Programs of the archive: loaded page by page through the page cache, run from
//! the monitor, refused, and ended from outside.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(kernel::testing::run)]
#![reexport_test_harness_main = "test_main"]

extern crate alloc;

mod common;
mod program;
#[path = "common/session.rs"]
mod session;

use alloc::boxed::Box;
use alloc::string::{String, ToString};

use archive::Kind;
use common::{PAGE, counts};
use kernel::console::input;
use kernel::files::{self, Contents, cache};
use kernel::process::load::{STACK_END, load};
use kernel::process::{Ending, Processes, Summary};
use kernel::{heap, interrupts, spaces};
use memory::space::{BytesRefusal, WantedPage};
use memory::{Outcome, Space};
use program::{audit, spawn};
use session::Session;
use x86_64::VirtAddr;

kernel::test_kernel!(test_main);

/// The bytes of a program of the archive.
fn file_of(name: &str) -> &'static [u8] {
    interrupts::init();
    let archive = files::archive().expect("the runner packed it");
    match archive.find(name).expect("the programs are in it").kind {
        Kind::File(place) => match Contents::from(place) {
            Contents::Memory(bytes) => bytes,
            on_disk @ Contents::Disk(_) => panic!("{name} is not in memory: {on_disk:?}"),
        },
        other => panic!("{name} is no file: {other:?}"),
    }
}

/// A number of 8 bytes in a file.
fn number(file: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(file[at..at + 8].try_into().expect("eight bytes"))
}

/// Where the program header of number `index` begins.
const fn header(index: usize) -> usize {
    64 + 56 * index
}

/// A copy of a program that is kept for ever, changed.
fn changed(name: &str, change: impl FnOnce(&mut [u8])) -> &'static [u8] {
    let mut copy = file_of(name).to_vec().into_boxed_slice();
    change(&mut copy);
    Box::leak(copy)
}

/// A copy of `hello` with another first instruction.
fn beginning_with(code: &[u8]) -> &'static [u8] {
    changed("bin/hello", |file| {
        let entry = number(file, 24);
        let mut headers = (0..8).map(header);
        let place = headers.find_map(|at| {
            let (offset, start) = (number(file, at + 8), number(file, at + 16));
            let size = number(file, at + 32);
            let is_load = file[at] == 1 && (start..start + size).contains(&entry);
            is_load.then(|| (offset + (entry - start)) as usize)
        });
        let place = place.expect("a segment holds it");
        file[place..place + code.len()].copy_from_slice(code);
    })
}

/// Runs a program alone. All its frames are back then, but for the page cache's.
fn run(contents: &'static [u8]) -> Summary {
    let mut processes = Processes::new();
    let id = processes.start("a test's", contents, &[b"a test's"], &[]);
    let id = id.expect("it can be loaded");
    audit();
    let summary = processes.run_and_sum_up(id).expect("it was started");
    audit();
    summary
}

/// Why a file is not run; nothing has changed then.
fn refusal(contents: &'static [u8]) -> String {
    let before = counts();
    let error = load(contents.into(), b"file", &[], &[]).expect_err("it is refused");
    assert_eq!(counts(), before);
    error.to_string()
}

#[test_case]
fn a_program_that_was_started_has_its_arguments_and_no_page_of_its_file() {
    let hello = file_of("bin/hello");
    cache::let_go();
    let mut processes = Processes::new();
    let id = processes.start("bin/hello", hello, &[b"hello"], &[]);
    let id = id.expect("it can be loaded");
    let process = processes.get(id).expect("it was started");
    assert_eq!((process.frames(), process.program), (1, "bin/hello"));
    assert_eq!(cache::pages_of(hello), 0);
    assert_eq!(process.used().faults(), 0);
    audit();
}

#[test_case]
fn a_page_is_read_once_however_often_a_program_runs() {
    let hello = file_of("bin/hello");
    cache::let_go();
    let first = run(hello);
    assert_eq!(first.ending, Ending::Exited(0));
    let cached = cache::pages_of(hello);
    assert_eq!(first.used.major, cached);
    let before = counts();
    let second = run(hello);
    assert_eq!((second.used.major, cache::pages_of(hello)), (0, cached));
    assert_eq!(second.used.faults(), first.used.faults());
    assert_eq!(second.most_frames, first.most_frames);
    let after = counts();
    assert_eq!(
        (after.shared, after.private, after.tables),
        (before.shared, before.private, before.tables)
    );
}

kernel::programs! {
    /// Reads a byte of each page of an image of 1 MiB, and takes turns from then on.
    reads_its_image:
        "mov esi, 0x400000" "mov ecx, 256"
        "91: mov al, [rsi]" "add rsi, 4096" "dec ecx" "jnz 91b"
        "92: mov eax, 24" "syscall" "jmp 92b";
    /// Ends with bits 32 to 39 of the address where it lies.
    where_it_lies:
        "lea rdi, [rip]" "shr rdi, 32" "mov eax, 60" "syscall";
    /// Takes a few turns and ends.
    some_turns:
        "mov r12d, 8" "91: mov eax, 24" "syscall" "dec r12d" "jnz 91b"
        "xor edi, edi" "mov eax, 60" "syscall";
}

/// The types of an ELF file: one with addresses of its own, and one without.
const FIXED: u8 = 2;
const POSITION_INDEPENDENT: u8 = 3;

/// The file of a program that begins at `start` and is all in one segment, to be
/// read and executed.
fn image(kind: u8, start: u64, pages: u64, code: &[u8]) -> &'static [u8] {
    const CODE: usize = header(1);
    let size = pages * PAGE;
    let mut file = alloc::vec![0; size as usize];
    let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
    // 64 bits, little-endian, for x86-64 (62).
    put(0, b"\x7fELF\x02\x01\x01");
    put(16, &[kind, 0, 62, 0, 1]);
    put(24, &(start + CODE as u64).to_le_bytes());
    put(32, &(header(0) as u64).to_le_bytes());
    // Sizes and counts: 64 for this header, 56 for the one of the segment.
    put(52, &[64, 0, 56, 0, 1, 0]);
    // A segment to load, to be read and executed.
    put(header(0), &[1, 0, 0, 0, 5]);
    put(header(0) + 16, &start.to_le_bytes());
    put(header(0) + 32, &size.to_le_bytes());
    put(header(0) + 40, &size.to_le_bytes());
    put(header(0) + 48, &PAGE.to_le_bytes());
    put(CODE, code);
    Box::leak(file.into_boxed_slice())
}

/// Adds so many processes of a program, and lets them run until each has touched `pages` of it.
fn add(processes: &mut Processes, contents: &'static [u8], count: usize, pages: u64) {
    for _ in 0..count {
        let started = processes.start("large", contents, &[b"large"], &[]);
        started.expect("it can be loaded");
    }
    while processes
        .iter()
        .any(|process| process.used().faults() < pages)
    {
        let id = spawn(processes, some_turns());
        assert_eq!(processes.run(id), Some(Ending::Exited(0)));
    }
}

/// Private and shared frames, tables, and records of regions; without the kernel's heap
/// and the tables that lead to it.
fn held() -> [u64; 4] {
    let counts = counts();
    let private = counts.private - heap::resident();
    let mut kernels = 0;
    spaces::kernel_half(|half, _| half.tables(|_| kernels += 1));
    [
        private,
        counts.shared,
        counts.tables - kernels,
        counts.kernel,
    ]
}

#[test_case]
fn a_thousand_processes_of_one_program_hold_its_image_of_1_mib_once() {
    const LARGE: u64 = 256;
    interrupts::init();
    let file = image(FIXED, 0x40_0000, LARGE, reads_its_image());
    cache::let_go();
    let before = held();
    let mut processes = Processes::new();
    add(&mut processes, file, 1, LARGE);
    let one = held();
    // The end of the stack, and the image.
    assert_eq!([one[0] - before[0], one[1] - before[1]], [1, LARGE]);
    add(&mut processes, file, 999, LARGE);
    assert_eq!(processes.iter().count(), 1000);
    let all = held();
    let more: [u64; 4] = core::array::from_fn(|index| all[index] - one[index]);
    // A root, and three tables each on the way to the image and to the stack.
    assert_eq!(more, [999, 0, 999 * 7, 999]);
    audit();
    drop(processes);
    assert_eq!(cache::pages_of(file), LARGE);
    cache::let_go();
    assert_eq!(held(), before);
}

#[test_case]
fn a_program_without_an_address_of_its_own_runs_where_the_kernel_puts_it() {
    let [fixed, moved] = [(FIXED, 0x40_0000), (POSITION_INDEPENDENT, 0)]
        .map(|(kind, start)| run(image(kind, start, 1, where_it_lies())).ending);
    assert_eq!((fixed, moved), (Ending::Exited(0), Ending::Exited(0x55)));
}

#[test_case]
fn files_that_nobody_maps_give_their_frames_back() {
    let hello = file_of("bin/hello");
    cache::let_go();
    let before = counts();
    run(hello);
    assert!(counts().shared > before.shared);
    assert!(cache::let_go());
    assert_eq!(
        (counts().shared, counts().tables),
        (before.shared, before.tables)
    );
    assert_eq!(cache::pages_of(hello), 0);
    assert!(!cache::let_go());
}

#[test_case]
fn the_page_cache_makes_room_for_a_program_when_frames_are_short() {
    let (hello, lazy) = (file_of("bin/hello"), file_of("bin/lazy"));
    for limit in 0..100 {
        cache::let_go();
        run(lazy);
        assert!(cache::pages_of(lazy) > 0);
        let mut processes = Processes::new();
        let id = processes.start("bin/hello", hello, &[b"hello"], &[]);
        let id = id.expect("it can be loaded");
        spaces::memory().set_limit(Some(limit));
        let ending = processes.run(id);
        spaces::memory().set_limit(None);
        assert_eq!(cache::pages_of(lazy), 0, "with {limit}");
        match ending {
            Some(Ending::OutOfFrames(_)) => {}
            other => return assert_eq!(other, Some(Ending::Exited(0))),
        }
    }
    panic!("a hundred frames are enough for hello");
}

/// Reads bytes of a space that is not loaded; pages of files are read as for a fault.
fn read(space: &mut Space, address: u64, into: &mut [u8]) {
    while let Err(error) = space.read(VirtAddr::new(address), into, spaces::memory()) {
        let BytesRefusal::Absent { wanted } = error.refusal else {
            panic!("{error}");
        };
        let WantedPage { object, page } = wanted;
        cache::read_page(wanted).unwrap_or_else(|error| panic!("page {page} of {object}: {error}"));
    }
}

#[test_case]
fn what_lies_behind_the_bytes_of_a_segment_is_zero_although_the_file_goes_on() {
    // The segment of data, whose bytes in the file end within a page.
    let mut found = None;
    let file = changed("bin/lazy", |file| {
        let mut headers = (0..8).map(header);
        let data = headers.find(|&at| {
            let (in_file, in_memory) = (number(file, at + 32), number(file, at + 40));
            file[at] == 1 && file[at + 4] & 2 != 0 && 0 < in_file && in_file < in_memory
        });
        let at = data.expect("lazy has data and zeroes behind it");
        let end = (number(file, at + 8) + number(file, at + 32)) as usize;
        if let Some(byte) = file.get_mut(end) {
            *byte = 0x5a;
        }
        file[end - 1] = 0xa5;
        found = Some(number(file, at + 16) + number(file, at + 32));
    });
    let end = found.expect("it was looked for");
    let mut space = load(file.into(), b"lazy", &[], &[])
        .expect("it can be loaded")
        .space;
    let mut bytes = [0xff; 3];
    read(&mut space, end - 1, &mut bytes);
    assert_eq!(bytes, [0xa5, 0, 0]);
    assert!(!end.is_multiple_of(PAGE));
    spaces::destroy(space);
}

#[test_case]
fn the_stack_ends_with_the_path_and_grows_into_zeroes() {
    let hello = file_of("bin/hello");
    let loaded = load(hello.into(), b"bin/hello", &[b"one"], &[]).expect("it can be loaded");
    let mut space = loaded.space;
    let mut end = [0xff; 18];
    read(&mut space, STACK_END - 18, &mut end);
    assert_eq!(&end, b"bin/hello\0\0\0\0\0\0\0\0\0");
    let mut below = [0xff; 8];
    read(&mut space, STACK_END - 3 * PAGE, &mut below);
    assert_eq!(below, [0; 8]);
    let (start, stop) = space.window();
    assert_eq!(space.resident_between(start, stop).private, 1);
    spaces::destroy(space);
}

#[test_case]
fn a_file_that_is_no_program_is_refused_with_what_is_wrong() {
    let text: &[u8] = b"#!/bin/sh";
    assert_eq!(
        refusal(text),
        "this is no program: an ELF file begins with the bytes 7f 45 4c 46"
    );
    assert_eq!(
        refusal(&file_of("bin/hello")[..50]),
        "the file ends after 50 bytes, within its ELF header, which has 64"
    );
    let foreign = changed("bin/hello", |file| file[18] = 0xb7);
    assert_eq!(
        refusal(foreign),
        "the program is for machine 183: 62 (x86-64) can run"
    );
    let everything = changed("bin/hello", |file| {
        (0..8).map(header).for_each(|at| file[at + 4] |= 7);
    });
    assert!(refusal(everything).contains("is both writable and executable"));
    let truncated = &file_of("bin/hello")[..4096];
    assert!(refusal(truncated).contains("but the file has only 4096"));
}

#[test_case]
fn arguments_that_do_not_fit_on_the_stack_are_refused() {
    let long = alloc::vec![b'x'; 3 << 20];
    let before = held();
    let error = load(file_of("bin/hello").into(), b"hello", &[&long], &[]).expect_err("too much");
    assert!(
        error.to_string().contains("they may take 2097152"),
        "{error}"
    );
    assert_eq!(held()[0], before[0]);
}

#[test_case]
fn without_frames_nothing_is_loaded_and_nothing_is_left() {
    let hello = file_of("bin/hello");
    for limit in 0..40 {
        cache::let_go();
        let before = counts();
        spaces::memory().set_limit(Some(limit));
        let loaded = load(hello.into(), b"hello", &[b"hello"], &[]);
        spaces::memory().set_limit(None);
        match loaded {
            Ok(loaded) => {
                assert!(limit > 5);
                spaces::destroy(loaded.space);
            }
            Err(_) => {
                cache::let_go();
                assert_eq!(counts().private, before.private);
                assert_eq!(counts().tables, before.tables);
            }
        }
    }
}

#[test_case]
fn ctrl_c_kills_a_program_that_spins() {
    let spin = beginning_with(&[0xeb, 0xfe]);
    file_of("bin/hello");
    input::type_ahead(0x03);
    assert_eq!(run(spin).ending, Ending::Cancelled);
    assert_eq!(input::try_read(), Some(0x03));
}

#[test_case]
fn a_wrong_access_kills_the_program_and_not_the_machine() {
    // mov [0], al
    let wild = beginning_with(&[0x88, 0x04, 0x25, 0, 0, 0, 0]);
    assert_eq!(run(wild).ending, Ending::BadAccess(VirtAddr::zero()));
}

#[test_case]
fn run_tells_how_a_program_ended_and_what_it_held() {
    let hello = run(file_of("bin/hello"));
    let session = Session::script(&["run hello", "run bin/hello a", "ps", "audit"]);
    assert_eq!(session.number(0, "exited"), 0);
    assert_eq!(session.cost(0), (hello.used.faults(), hello.most_frames));
    for (outcome, name) in [
        (Outcome::ObjectMapped, "object_mapped"),
        (Outcome::PrivateCopy, "private_copy"),
        (Outcome::ZeroWrite, "zero_write"),
    ] {
        let count = hello.by_outcome[outcome.index()];
        assert!(count > 0 && session.number(0, name) == count, "{name}");
    }
    assert!(
        !session.answer(0).contains("blocked="),
        "it was read before"
    );
    assert_eq!(session.number(1, "exited"), 0);
    assert_eq!(session.answer(2), "processes=0");
    assert_eq!(session.field(3, "audit"), "ok");
}

#[test_case]
fn what_is_no_file_is_not_run() {
    let session = Session::script(&["run", "run nothing", "run bin", "ps all", "run 'a b"]);
    session.fails(0, "<file> is missing: run <file> [argument...]");
    session.fails(
        1,
        "the archive has no file `nothing`: `files` lists those there are",
    );
    session.fails(2, "the archive has no file `bin`");
    session.fails(3, "one word too many");
    session.fails(4, "a ' is opened and not closed");
}

#[test_case]
fn files_shows_the_pages_in_the_page_cache() {
    cache::let_go();
    let session = Session::script(&["files", "run hello", "files"]);
    assert!(session.answer(0).contains(" cached=0\nfile=bin/lazy "));
    let cached = cache::pages_of(file_of("bin/hello"));
    let last = session.answer(2).lines().last().expect("it lists files");
    assert!(
        last.ends_with(&alloc::format!(" cached={cached}")),
        "{last}"
    );
}
