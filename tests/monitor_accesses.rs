//! The monitor's `read`, `write`, `fill` and `touch`: what they cost, and that a
//! refused access changes nothing.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(kernel::testing::run)]
#![reexport_test_harness_main = "test_main"]

extern crate alloc;

#[path = "common/session.rs"]
mod session;

use alloc::format;
use alloc::vec::Vec;
use kernel::console::input;
use kernel::layout::{DIRECT_MAP, KERNEL_HALF};
use kernel::testing::has_frames;
use session::{Session, field, free_all};

kernel::test_kernel!(test_main);

#[test_case]
fn a_touch_counts_its_accesses_faults_and_frames() {
    let session = Session::script(&[
        "alloc demand 64K",
        "touch 0x1000 64K r",
        "touch 0x1000 64K w",
        "alloc zero 64K",
        "touch 0x11000 64K r",
        "touch 0x11000 64K w 8K",
        "alloc demand 64K around=8",
        "touch 0x21000 64K w",
        "touch 0x11ffe 4 r",
        "touch 0x1005 4K r",
        "touch 0x1000 16 w 4",
    ]);
    let touched = |index| (session.number(index, "touched"), session.cost(index));
    assert_eq!(touched(1), (16, (16, 16)));
    assert_eq!(touched(2), (16, (0, 0)));
    assert_eq!(touched(4), (16, (16, 0)));
    assert_eq!(touched(5), (8, (8, 8)));
    // 16 pages from 0x21000 on lie in three blocks of 8.
    assert_eq!(touched(7), (16, (3, 16)));
    assert_eq!(touched(8), (2, (0, 0)));
    assert_eq!(touched(9), (2, (0, 0)));
    assert_eq!(touched(10), (4, (0, 0)));
    free_all();
}

#[test_case]
fn a_touch_that_writes_changes_no_byte() {
    let session = Session::script(&[
        "alloc demand 8K",
        "write 0x1000 1 2 3",
        "touch 0x1000 8K w",
        "read 0x1000 3",
    ]);
    assert_eq!(session.number(2, "faults"), 1);
    assert!(
        session.answer(3).starts_with("0x1000  01 02 03"),
        "{}",
        session.answer(3)
    );
    free_all();
}

#[test_case]
fn bytes_are_written_filled_and_read_back() {
    let session = Session::script(&[
        "alloc demand 12K",
        "write 0x1fff 0x48 105 0x2e",
        "read 0x1fff 3",
        "fill 0x1800 4K 0xaa",
        "read 0x17fe 20",
        "read 0x27fe 3",
        "read 0x1000",
    ]);
    assert_eq!((session.number(1, "written"), session.cost(1)), (3, (2, 2)));
    let bytes = "0x1fff  48 69 2e                                         Hi.";
    assert_eq!(session.answer(2).lines().next(), Some(bytes));
    assert_eq!(
        (session.number(3, "filled"), session.cost(3)),
        (4096, (0, 0))
    );
    let rows: Vec<&str> = session.answer(4).lines().collect();
    assert!(rows[0].starts_with("0x17fe  00 00 aa aa"), "{rows:?}");
    assert!(rows[1].starts_with("0x180e  aa aa aa aa   "), "{rows:?}");
    assert_eq!((rows.len(), session.number(4, "read")), (3, 20));
    assert!(session.answer(5).starts_with("0x27fe  aa aa 00"));
    assert_eq!(session.number(6, "read"), 1);
    free_all();
}

#[test_case]
fn a_refused_access_is_one_error_that_explains_and_the_machine_lives() {
    let session = Session::script(&[
        "alloc zero 8K rights=r",
        "guard 4K",
        "read 0",
        "read 0x2f_ffff",
        "read 0x3010",
        "write 0x1000 1",
        "fill 0x7fff_ffff_f000 1 1",
        "read 0x8000_0000_0000",
        "write 0xffff_7fff_ffff_ffff 1",
        "read 0xffffffffffffffff",
        "touch 0x400000 4K r",
    ]);
    session.fails(2, "read of 0x0 was refused: the null page");
    session.fails(3, "read of 0x2fffff was refused: no region holds the address; the address is 3129343 bytes past the end of a region (guard");
    session.fails(4, "read of 0x3010 was refused: a guard page");
    session.fails(
        5,
        "write to 0x1000 was refused: the region does not allow writing",
    );
    session.fails(
        6,
        "write to 0x7ffffffff000 was refused: no region holds the address",
    );
    session.fails(
        7,
        "read of 0x800000000000 was refused: #GP, since the address is not canonical",
    );
    session.fails(8, "write to 0xffff7fffffffffff was refused: #GP");
    session.fails(
        9,
        "read of 0xffffffffffffffff was refused: no region holds the address",
    );
    session.fails(10, "read of 0x400000 was refused: no region");
    free_all();
}

#[test_case]
fn an_access_that_is_refused_in_its_middle_has_changed_nothing() {
    let session = Session::script(&[
        "alloc demand 8K",
        "guard 4K",
        "write 0x2ffe 1 2 3",
        "fill 0x1000 12K 0xff",
        "touch 0x1000 16K w",
        "read 0x2fff 2",
        "protect 0x2000 4K r",
        "fill 0x1ff0 32 0xff",
        "regions",
        "read 0x2ffe 2",
    ]);
    for index in [2, 3, 4, 5] {
        session.fails(index, "0x3000 was refused: a guard page");
    }
    session.fails(
        7,
        "write to 0x2000 was refused: the region does not allow writing",
    );
    for region in session.answer(8).split("region=").skip(1).take(2) {
        assert_eq!(
            (field(region, "resident"), field(region, "faults")),
            (Some("0"), Some("0"))
        );
    }
    assert!(
        session.answer(9).contains("  00 00  "),
        "{}",
        session.answer(9)
    );
    free_all();
}

#[test_case]
fn an_access_that_runs_out_of_frames_says_how_far_it_came() {
    let session = Session::script(&[
        "alloc demand 64K",
        "limit frames 6",
        "touch 0x1000 64K w",
        "fill 0x1000 64K 7",
        "read 0x9000",
        "alloc immediate 4K",
        "space new",
        "audit",
        "tour example",
        "bench",
        "frames",
        "limit frames off",
        "free 0x1000",
    ]);
    // Three of the six are tables.
    session.fails(2, "touch stopped after 3 of 16, which stay done: write to 0x4000 was refused: too few frames: 1 frame needed, 0 may be handed out; the address is 12288 bytes into");
    session.fails(3, "fill stopped after 12288 of 65536, which stay done");
    session.fails(
        4,
        "read of 0x9000 was refused: too few frames: 1 frame needed, 0 may be",
    );
    session.fails(5, "the region needs 1 frame, and 0 may be handed out");
    session.fails(6, "free some memory, or raise the limit");
    session.fails(7, "no memory for the notes of the audit: with small pages");
    session.fails(
        8,
        "the tour needs 16 frames, and 0 may be handed out: free some memory",
    );
    session.fails(9, "the benchmark needs 6144 frames, and 0 may");
    assert_eq!(session.number(10, "limit"), 0);
    assert_eq!(session.field(11, "limit"), "off");
    assert_eq!(session.number(12, "frames"), 3);
}

#[test_case]
fn the_kernel_half_is_read_and_walked_and_nothing_else() {
    let kernel = format!("{:#x}", KERNEL_HALF.as_u64());
    let map = format!("{:#x}", DIRECT_MAP.as_u64() + (1 << 20));
    let lines: Vec<_> = [
        format!("read {kernel} 4"),
        format!("touch {kernel} 64K r"),
        format!("walk {kernel}"),
        format!("write {kernel} 1"),
        format!("fill {map} 4K 0"),
        format!("touch {map} 4K w"),
        format!("free {kernel}"),
        format!("protect {kernel} 4K rw"),
        format!("discard {map} 4K"),
        "read 0xffffc00000000000".into(),
        "read 0xffffbffffffff000".into(),
    ]
    .into();
    let session = Session::script(&lines.iter().map(|line| line.as_str()).collect::<Vec<_>>());
    assert!(
        session.answer(0).contains(" 7f 45 4c 46 "),
        "an ELF image: {}",
        session.answer(0)
    );
    assert_eq!(
        (session.number(1, "touched"), session.cost(1)),
        (16, (0, 0))
    );
    assert!(session.answer(2).contains("4K leaf"));
    for index in 3..9 {
        session.fails(index, "is in the kernel half, which is the kernel's own");
    }
    session.fails(
        9,
        "a guard page, which refuses every access; the address is the first byte of guard of the kernel stack",
    );
    session.fails(10, "no region holds the address");
}

#[test_case]
fn what_a_touch_needs_is_told_with_the_tables_that_are_missing() {
    let session = Session::script(&[
        "alloc demand 4K",
        "alloc zero 4K",
        "limit frames 2",
        "write 0x1000 1",
        "read 0x2000",
        "limit frames 3",
        "read 0x2000",
        "write 0x1000 1",
        "limit frames off",
    ]);
    session.fails(3, "too few frames: 4 frames needed, 2 may be handed out; ");
    session.fails(4, "too few frames: 3 frames needed, 2 may be handed out; ");
    assert_eq!(session.cost(6), (1, 0), "three tables and the zero frame");
    session.fails(7, "too few frames: 1 frame needed, 0 may be handed out; ");
    free_all();
}

#[test_case]
fn a_place_is_told_by_one_byte_or_by_more_and_a_guard_without_rights() {
    let session = Session::script(&[
        "alloc demand 4K rights=r",
        "guard 4K",
        "read 0xfff",
        "read 0x3000",
        "read 0x3001",
        "write 0x1001 1",
        "write 0x1002 1",
        "read 0x2000",
    ]);
    let region = "a region (demand, r, 0x1000..0x2000)";
    let guard = "a region (guard, 0x2000..0x3000)";
    session.fails(2, &format!("1 byte before {region}"));
    session.fails(3, &format!("0 bytes past the end of {guard}"));
    session.fails(4, &format!("1 byte past the end of {guard}"));
    session.fails(5, &format!("1 byte into {region}"));
    session.fails(6, &format!("2 bytes into {region}"));
    session.fails(7, &format!("the first byte of {guard}"));
    free_all();
}

/// Ctrl-C, pressed before `command` looks for it, and what is answered.
fn cancelled(prepared: &[&str], command: &str) -> Session {
    let script = [prepared, &[command, "audit"]].concat();
    input::type_ahead(0x03);
    let session = Session::script(&script);
    assert_eq!(input::try_read(), Some(0x03), "who reads the line drops it");
    assert_eq!(input::try_read(), None);
    assert_eq!(session.field(prepared.len() + 1, "audit"), "ok");
    session
}

#[test_case]
fn ctrl_c_ends_the_benchmark() {
    if has_frames(6144) {
        cancelled(&[], "bench").fails(0, "Ctrl-C ended the command");
    }
}

#[test_case]
fn ctrl_c_ends_whatever_takes_long_and_the_machine_is_whole() {
    let session = cancelled(&["alloc zero 1G"], "touch 0x1000 1G r 1");
    session.fails(
        1,
        "Ctrl-C ended touch after 0 of 1073741824, which stay done",
    );
    let session = cancelled(&[], "fill 0x1000 64M 1");
    session.fails(0, "Ctrl-C ended fill after 0 of 67108864, which stay done");
    for command in [
        "tour example",
        "tour straddle",
        "tour policies",
        "regions",
        "map virtual",
    ] {
        let session = cancelled(&[], command);
        session.fails(0, "Ctrl-C ended the command");
    }
    let session = Session::script(&["spaces", "touch 0x1000 64M r", "frames"]);
    assert_eq!(session.answer(0).lines().count(), 1);
    assert_eq!(session.number(1, "touched"), 16384);
    free_all();
}
