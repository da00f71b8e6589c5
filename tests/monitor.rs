//! The monitor's commands, each by what it answers: fields by number, and one
//! clear error for each thing that is wrong.
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
use kernel::boot;
use kernel::layout::{DIRECT_MAP, KERNEL_HALF};
use kernel::monitor::commands::COMMANDS;
use kernel::spaces;
use session::{Session, field};

kernel::test_kernel!(test_main);

#[test_case]
fn each_answer_stands_between_two_prompts_at_the_start_of_a_line() {
    let session = Session::script(&["trace off", "", "  ", "nonsense", "exit 7"]);
    let lines: Vec<&str> = session.text.lines().collect();
    assert_eq!(
        lines[..5],
        ["> trace off", "trace=off", "> ", ">   ", "> nonsense"]
    );
    assert!(lines[5].starts_with("error: "), "{lines:?}");
    assert_eq!((lines[6], lines.len(), session.status), ("> exit 7", 7, 7));
}

#[test_case]
fn the_end_of_the_input_is_exit_0() {
    let session = Session::of(b"trace off\n");
    assert_eq!(session.status, 0);
    assert!(
        session.text.ends_with("trace=off\n> \n"),
        "{:?}",
        session.text
    );
}

#[test_case]
fn exit_takes_a_status_from_0_to_63_and_refuses_others() {
    let session = Session::script(&["exit 64", "exit x", "exit 1 2", "exit -1", "exit 63"]);
    session.fails(0, "64 is out of range: 0 to 63 is right");
    session.fails(1, "`x` is no number");
    session.fails(2, "`2` is one word too many: exit [status]");
    session.fails(3, "`-1` is no number");
    assert_eq!(session.status, 63);
}

#[test_case]
fn help_lists_every_command_and_explains_each() {
    let session = Session::script(&["help", "help nonsense"]);
    for command in &COMMANDS {
        assert!(
            session.answer(0).contains(command.usage),
            "{}",
            command.name
        );
    }
    session.fails(1, "there is no command `nonsense`");
    for command in &COMMANDS {
        let session = Session::script(&[&format!("help {}", command.name)]);
        let answer = session.answer(0);
        assert!(answer.contains(command.does) && answer.contains(command.example));
    }
}

#[test_case]
fn an_unknown_command_is_answered_with_the_nearest_one() {
    let session = Session::script(&["alocc demand 4K", "FRAMES"]);
    session.fails(
        0,
        "there is no command `alocc`: did you mean `alloc`? `help` lists all",
    );
    session.fails(1, "there is no command `FRAMES`");
}

#[test_case]
fn every_example_of_the_help_is_a_command_that_works() {
    const ENDS_OR_SPEAKS_ELSEWHERE: [&str; 4] = ["crash", "bench", "tour", "exit"];
    let examples = COMMANDS
        .iter()
        .filter(|it| !ENDS_OR_SPEAKS_ELSEWHERE.contains(&it.name));
    let mut script = Vec::from(["alloc demand 1M"]);
    script.extend(examples.map(|command| match command.name {
        // The region that the other examples use goes last.
        "free" => "regions",
        "protect" => "protect 0x1000 8K rw",
        "limit" => "limit frames off",
        _ => command.example,
    }));
    script.push("free 0x1000");
    let session = Session::script(&script);
    for (index, command) in script.iter().enumerate() {
        assert!(
            !session.answer(index).starts_with("error"),
            "{command}: {}",
            session.answer(index)
        );
    }
    free_all();
}

/// Frees what a test has left in the low half.
fn free_all() {
    spaces::current(|space, physical, tlb| {
        while let Some(region) = space.region_above(x86_64::VirtAddr::zero()) {
            space
                .free(region.base, physical, tlb)
                .expect("it is no fixed region");
        }
    });
}

#[test_case]
fn alloc_tells_what_it_has_reserved() {
    let session = Session::script(&[
        "alloc demand 5",
        "alloc immediate 64K 4K",
        "alloc zero 0x3000 rights=r",
        "alloc demand 4M 2M rights=rw around=1",
        "alloc immediate 2M 2M rights=rx",
    ]);
    let expected = [
        (
            "0x0000000000001000",
            "0x0000000000002000",
            "demand",
            "4K",
            1,
            0,
        ),
        (
            "0x0000000000002000",
            "0x0000000000012000",
            "immediate",
            "4K",
            16,
            16,
        ),
        (
            "0x0000000000012000",
            "0x0000000000015000",
            "zero",
            "4K",
            3,
            0,
        ),
        (
            "0x0000000000200000",
            "0x0000000000600000",
            "demand",
            "2M",
            2,
            0,
        ),
        (
            "0x0000000000600000",
            "0x0000000000800000",
            "immediate",
            "2M",
            1,
            512,
        ),
    ];
    for (index, (region, end, backing, page, pages, frames)) in expected.into_iter().enumerate() {
        assert_eq!(session.field(index, "region"), region);
        assert_eq!(session.field(index, "end"), end);
        assert_eq!(session.field(index, "backing"), backing);
        assert_eq!(session.field(index, "page"), page);
        assert_eq!(session.number(index, "pages"), pages);
        assert_eq!(session.number(index, "frames"), frames);
    }
    free_all();
}

#[test_case]
fn alloc_says_what_is_wrong_with_each_argument() {
    let session = Session::script(&[
        "alloc",
        "alloc lazy 4K",
        "alloc demand",
        "alloc demand 0",
        "alloc demand 4X",
        "alloc demand 0x1_0000_0000_0000_0000",
        "alloc demand 0xffffffffffffffff",
        "alloc demand 0x8000_0000_0000",
        "alloc demand 4K 8K",
        "alloc demand 4K around=3",
        "alloc demand 4K around=100000",
        "alloc demand 4K rights=w",
        "alloc immediate 1024G",
        "regions",
    ]);
    session.fails(
        0,
        "<immediate|demand|zero> is missing: alloc <immediate|demand|zero> <size>",
    );
    session.fails(1, "`lazy` is none of immediate, demand and zero");
    session.fails(2, "<size> is missing");
    session.fails(3, "at least one byte");
    session.fails(
        4,
        "<size>: `4X` is no number: write it like 4096, 0x1000 or 1_000",
    );
    session.fails(5, "is too large: numbers have 64 bits");
    session.fails(6, "more than the space holds");
    session.fails(7, "no gap of that size");
    session.fails(8, "`8K` is one word too many");
    session.fails(9, "a power of two from 1 to 512, not 3");
    session.fails(10, "100000 is out of range: 1 to 512 is right");
    session.fails(11, "`w` is none of r, rw and rx");
    session.fails(12, "no frame is left");
    let low_half = session
        .answer(13)
        .lines()
        .filter(|line| line.contains("=0x0000"));
    assert_eq!(low_half.count(), 0);
}

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
        session
            .answer(3)
            .starts_with("0x0000000000001000  01 02 03"),
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
    let bytes = "0x0000000000001fff  48 69 2e                                         Hi.";
    assert_eq!(session.answer(2).lines().next(), Some(bytes));
    assert_eq!(
        (session.number(3, "filled"), session.cost(3)),
        (4096, (0, 0))
    );
    let rows: Vec<&str> = session.answer(4).lines().collect();
    assert!(
        rows[0].starts_with("0x00000000000017fe  00 00 aa aa"),
        "{rows:?}"
    );
    assert!(
        rows[1].starts_with("0x000000000000180e  aa aa aa aa   "),
        "{rows:?}"
    );
    assert_eq!((rows.len(), session.number(4, "read")), (3, 20));
    assert!(
        session
            .answer(5)
            .starts_with("0x00000000000027fe  aa aa 00")
    );
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
    session.fails(2, "read of 0x0000000000000000 was refused: the null page");
    session.fails(3, "read of 0x00000000002fffff was refused: no region holds the address; the address is 3129343 bytes past the end of a region (guard");
    session.fails(4, "read of 0x0000000000003010 was refused: a guard page");
    session.fails(
        5,
        "write to 0x0000000000001000 was refused: the region does not allow writing",
    );
    session.fails(
        6,
        "write to 0x00007ffffffff000 was refused: no region holds the address",
    );
    session.fails(
        7,
        "read of 0x0000800000000000 was refused: #GP, since the address is not canonical",
    );
    session.fails(8, "write to 0xffff7fffffffffff was refused: #GP");
    session.fails(
        9,
        "read of 0xffffffffffffffff was refused: no region holds the address",
    );
    session.fails(10, "read of 0x0000000000400000 was refused: no region");
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
        session.fails(index, "0x0000000000003000 was refused: a guard page");
    }
    session.fails(
        7,
        "write to 0x0000000000002000 was refused: the region does not allow writing",
    );
    for line in session.answer(8).lines().take(2) {
        assert_eq!(
            (field(line, "resident"), field(line, "faults")),
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
    session.fails(2, "touch stopped after 3 of 16, which stay done: write to 0x0000000000004000 was refused: no frame is left");
    session.fails(3, "fill stopped after 12288 of 65536, which stay done");
    session.fails(
        4,
        "read of 0x0000000000009000 was refused: no frame is left",
    );
    session.fails(5, "no frame is left");
    session.fails(6, "free some memory, or raise the limit");
    session.fails(7, "no memory for the notes of the audit: no frame is left");
    session.fails(8, "the tour needs 16 frames");
    session.fails(9, "the benchmark needs 6144 frames");
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
fn protect_splits_a_region_and_discard_gives_frames_back() {
    let session = Session::script(&[
        "alloc demand 16K",
        "fill 0x1000 16K 1",
        "protect 0x2000 4K r",
        "regions",
        "discard 0x1000 8K",
        "read 0x2000",
        "protect 0x2000 4K rw",
        "regions",
        "free 0x2000",
        "free 0x1000",
    ]);
    assert_eq!(session.number(2, "pages"), 1);
    let parts: Vec<_> = session
        .answer(3)
        .lines()
        .take(3)
        .map(|line| {
            (
                field(line, "region"),
                field(line, "rights"),
                field(line, "resident"),
            )
        })
        .collect();
    assert_eq!(
        parts,
        [
            ("0x0000000000001000", "rw", "1"),
            ("0x0000000000002000", "r", "1"),
            ("0x0000000000003000", "rw", "2")
        ]
        .map(|(region, rights, resident)| (Some(region), Some(rights), Some(resident)))
    );
    assert_eq!(session.number(4, "frames"), 2);
    assert_eq!(session.cost(5), (1, 1));
    assert!(
        session.answer(5).contains("  00  "),
        "what comes back is zero"
    );
    assert_eq!(session.field(7, "end"), "0x0000000000005000");
    session.fails(8, "inside the allocation at 0x0000000000001000");
    assert_eq!(session.number(9, "frames"), 3);
}

#[test_case]
fn free_protect_and_discard_say_what_is_wrong() {
    let session = Session::script(&[
        "alloc demand 8K",
        "alloc immediate 4K",
        "free 0x9000",
        "free 0x8000_0000_0000",
        "free",
        "protect 0x1001 4K r",
        "protect 0x1000 0 r",
        "protect 0x1000 4K w",
        "protect 0x3000 64K r",
        "discard 0x1000 5",
        "discard 0x3000 4K",
        "discard 0x1000 0xfffffffffffff000",
        "protect 0x1000 0x800000000000 r",
    ]);
    session.fails(2, "no region holds 0x0000000000009000");
    session.fails(
        3,
        "0x0000800000000000 is no address: bits 48 to 63 must all be the same as bit 47",
    );
    session.fails(4, "<address> is missing: free <address>");
    session.fails(5, "not whole pages");
    session.fails(6, "not whole pages");
    session.fails(7, "`w` is none of r, rw and rx");
    session.fails(8, "no region holds 0x0000000000004000");
    session.fails(9, "not whole pages");
    session.fails(10, "immediate backing");
    session.fails(
        11,
        "18446744073709547520 bytes from 0x0000000000001000 on reach past",
    );
    session.fails(12, "no region holds 0x0000000000004000");
    free_all();
}

#[test_case]
fn a_walk_takes_an_address_apart_and_ends_where_the_translation_does() {
    let session = Session::script(&[
        "walk 0x10005",
        "alloc demand 128K",
        "write 0x10005 1",
        "walk 0x10005",
        "walk 0xffffffffffffffff",
        "walk 0x8000_0000_0000",
    ]);
    let parts = "address=0x0000000000010005 level4=0 level3=0 level2=0 level1=16 offset=0x5";
    assert_eq!(session.answer(0).lines().next(), Some(parts));
    assert!(
        session.answer(0).ends_with("not mapped at level=4"),
        "{}",
        session.answer(0)
    );
    assert_eq!(session.answer(3).lines().count(), 6);
    assert!(session.answer(3).contains("level 1 [ 16] 4K leaf at "));
    assert_eq!(session.number(3, "physical") & 0xfff, 5);
    assert!(session.answer(4).starts_with(
        "address=0xffffffffffffffff level4=511 level3=511 level2=511 level1=511 offset=0xfff"
    ));
    session.fails(5, "is no address");
    free_all();
}

#[test_case]
fn the_trace_tells_each_fault_before_the_result() {
    let session = Session::script(&[
        "alloc demand 1200K",
        "trace on",
        "touch 0x1000 1200K w",
        "read 0x1000",
        "read 0x9000000",
        "trace off",
        "discard 0x1000 4K",
        "touch 0x1000 4K r",
        "trace",
        "trace maybe",
    ]);
    let lines: Vec<&str> = session.answer(2).lines().collect();
    assert_eq!(lines.len(), 301);
    for (page, line) in lines[..300].iter().enumerate() {
        let address = format!("fault=0x{:016x} ", 0x1000 + page * 4096);
        assert!(line.starts_with(&address), "{line}");
        assert!(
            line.contains(" access=write cause=absent code=0x2 instruction=0xffff8"),
            "{line}"
        );
        assert!(
            line.contains(" region=0x0000000000001000 outcome=demand frame=0x"),
            "{line}"
        );
    }
    assert_eq!(lines[300], "touched=300 faults=300 frames=300");
    assert_eq!(session.answer(3).lines().count(), 2);
    let refused: Vec<&str> = session.answer(4).lines().collect();
    assert!(
        refused[0].ends_with("region=none outcome=refused_no_region frame=none"),
        "{refused:?}"
    );
    assert!(refused[1].starts_with("error: read of 0x0000000009000000 was refused"));
    assert_eq!(session.answer(7), "touched=1 faults=1 frames=1");
    session.fails(8, "<on|off> is missing");
    session.fails(9, "`maybe` is none of on and off");
    free_all();
}

#[test_case]
fn the_counters_add_up_and_move_with_what_is_done() {
    let session = Session::script(&[
        "frames",
        "alloc zero 16K",
        "touch 0x1000 16K r",
        "touch 0x1000 8K w",
        "faults",
        "frames",
        "read 0x500000",
        "faults",
        "heap",
        "frames now",
    ]);
    let frames = |index, name| session.number(index, name);
    for index in [0, 5] {
        let sum: u64 = ["reserved", "tables", "kernel", "private", "shared", "zero"]
            .iter()
            .map(|name| frames(index, name))
            .sum();
        assert_eq!(frames(index, "used"), sum);
        assert_eq!(
            frames(index, "total"),
            frames(index, "used") + frames(index, "free")
        );
        assert_eq!(session.field(index, "limit"), "off");
        assert!(frames(index, "largest_run") <= frames(index, "free"));
        assert!(frames(index, "free_2m") * 512 <= frames(index, "free"));
    }
    assert_eq!(frames(5, "private") - frames(0, "private"), 2);
    assert_eq!(session.number(7, "faults") - session.number(4, "faults"), 1);
    assert_eq!(
        session.number(7, "refused_no_region") - session.number(4, "refused_no_region"),
        1
    );
    assert!(session.number(4, "zero_read") >= 4 && session.number(4, "private_copy") >= 2);
    let by_cause = ["absent", "protection", "reserved_bit"].map(|name| session.number(7, name));
    assert_eq!(by_cause.iter().sum::<u64>(), session.number(7, "faults"));
    assert!(session.number(8, "in_use") > 0 && session.number(8, "resident") > 0);
    session.fails(9, "`now` is one word too many: frames");
    free_all();
}

#[test_case]
fn spaces_have_the_same_addresses_and_other_bytes() {
    let session = Session::script(&[
        "alloc demand 4K",
        "write 0x1000 0xaa",
        "space new",
        "space 1",
        "read 0x1000",
        "alloc demand 4K",
        "write 0x1000 0xbb",
        "spaces",
        "space 0",
        "read 0x1000",
        "audit",
        "space free 1",
        "spaces",
        "free 0x1000",
    ]);
    assert_eq!(session.number(2, "space"), 1);
    session.fails(4, "no region holds the address");
    let lines: Vec<&str> = session.answer(7).lines().collect();
    assert!(
        lines[0].starts_with("space=0 current=no ") && lines[0].ends_with(" regions=1 frames=1")
    );
    assert!(
        lines[1].starts_with("space=1 current=yes ") && lines[1].ends_with(" regions=1 frames=1")
    );
    assert!(session.answer(9).contains("  aa  "));
    assert_eq!(
        (session.field(10, "audit"), session.number(10, "halves")),
        ("ok", 3)
    );
    assert_eq!(session.answer(11), "freed=1 frames=1");
    assert_eq!(session.answer(12).lines().count(), 1);
    assert_eq!(session.number(13, "frames"), 1);
}

#[test_case]
fn space_says_what_is_wrong() {
    let mut script = Vec::from([
        "space",
        "space 1",
        "space 99999999999",
        "space free 0",
        "space free 5",
        "space free",
        "space old",
        "space 0",
    ]);
    script.extend(["space new"; 32]);
    let session = Session::script(&script);
    session.fails(0, "<new | n | free n> is missing");
    session.fails(1, "there is no space 1: `spaces` lists those there are");
    session.fails(2, "there is no space 99999999999");
    session.fails(3, "space 0 is the current one: switch to another");
    session.fails(4, "there is no space 5");
    session.fails(5, "<n> is missing");
    session.fails(6, "`old` is no number");
    assert_eq!(session.number(7, "space"), 0);
    assert_eq!(session.number(8 + 30, "space"), 31);
    session.fails(8 + 31, "there are 32 spaces");
}

#[test_case]
fn device_memory_is_borrowed_and_neither_memory_nor_the_kernels_devices_are() {
    let screen = boot::info()
        .screen
        .clone()
        .expect("the runner's machine has a screen");
    let frame =
        spaces::current(|space, _, _| space.walk(screen.start).physical()).expect("it is mapped");
    let taken = format!("mmio {:#x} 4K", frame.as_u64() + 4096);
    let before = format!("mmio {:#x} 8K", frame.as_u64() - 4096);
    let session = Session::script(&[
        "frames",
        "mmio 0xd0000000 8K",
        "frames",
        "read 0x1000",
        &taken,
        &before,
        "mmio 0x200000 4K",
        "mmio 0xd0000001 4K",
        "mmio 0xffff_ffff_ffff_f000 4K",
        "mmio 0xd0000000 0",
        "free 0x1000",
        "frames",
    ]);
    assert_eq!(
        (
            session.field(1, "backing"),
            session.number(1, "pages"),
            session.number(1, "frames")
        ),
        ("device", 2, 0)
    );
    let borrowed = [0, 2, 11].map(|index| session.number(index, "borrowed"));
    assert_eq!(borrowed, [borrowed[0], borrowed[0] + 2, borrowed[0]]);
    assert_eq!(session.cost(3), (0, 0));
    session.fails(4, "is the kernel's own, its framebuffer at 0xffffc1");
    session.fails(5, "its framebuffer");
    session.fails(6, "is ordinary memory");
    session.fails(7, "not page-aligned");
    session.fails(8, "past the processor's physical addresses");
    session.fails(9, "at least one byte");
}

#[test_case]
fn the_pictures_agree_with_the_counters() {
    let session = Session::script(&[
        "alloc demand 128K",
        "touch 0x1000 64K w",
        "alloc zero 128K",
        "touch 0x21000 64K r",
        "guard 4K",
        "map virtual",
        "map physical",
        "frames",
        "map",
        "map logical",
    ]);
    let bars: Vec<&str> = session.answer(5).lines().collect();
    let (half, nothing) = ("#".repeat(16), ".".repeat(16));
    assert!(
        bars[0].starts_with(&format!(
            "0x0000000000001000  [{half}{nothing}] 128K demand rw resident=16 of=32"
        )),
        "{bars:?}"
    );
    assert!(
        bars[1].starts_with(&format!(
            "0x0000000000021000  [{}{nothing}] 128K zero rw resident=0 of=32",
            "z".repeat(16)
        )),
        "{bars:?}"
    );
    assert!(
        bars[2].starts_with("0x0000000000041000  [x] 4K guard none"),
        "{bars:?}"
    );

    let picture = session.answer(6);
    for name in ["free", "used", "reserved"] {
        assert_eq!(session.number(6, name), session.number(7, name));
    }
    let rows = picture.lines().filter(|line| line.starts_with("0x"));
    let cells: alloc::string::String = rows.map(|row| &row[20..]).collect();
    let count = |wanted| cells.chars().filter(|cell| *cell == wanted).count() as u64;
    let cell = 32; // frames, on the runner's machine of 128 MiB
    assert_eq!(session.field(6, "cell"), "128K");
    let (free, part) = (session.number(7, "free"), count('+') * cell);
    assert!(
        count('.') * cell <= free && free <= count('.') * cell + part,
        "{picture}"
    );
    assert!(
        (count('r') + count('#')) * cell + part >= session.number(7, "used"),
        "{picture}"
    );
    session.fails(8, "<physical|virtual> is missing");
    session.fails(9, "`logical` is none of physical and virtual");
    free_all();
}

#[test_case]
fn a_tour_runs_beside_whatever_lies_at_its_addresses() {
    let session = Session::script(&[
        "frames",
        "alloc demand 1M",
        "touch 0x10000 4K w",
        "tour",
        "tour example",
        "tour straddle",
        "tour zero",
        "tour moon",
        "regions",
        "spaces",
        "free 0x1000",
        "frames",
    ]);
    assert!(session.answer(3).contains("tour=example "));
    for index in 4..7 {
        assert_eq!(session.answer(index), "", "it speaks on the console");
    }
    session.fails(7, "`moon` is none of example straddle zero");
    assert_eq!(session.number(8, "resident"), 1);
    assert_eq!(session.answer(9).lines().count(), 1);
    assert_eq!(session.number(10, "frames"), 1);
    assert_eq!(session.answer(11), session.answer(0));
}

#[test_case]
fn a_crash_is_listed_and_an_unknown_one_refused() {
    let session = Session::script(&["crash", "crash course"]);
    for name in [
        "null",
        "guard",
        "stack",
        "write-readonly",
        "execute-data",
        "non-canonical",
        "nested",
        "double",
        "panic",
    ] {
        assert!(
            session.answer(0).contains(&format!("crash={name} ")),
            "{name}"
        );
    }
    session.fails(1, "`course` is none of null");
}

#[test_case]
fn numbers_out_of_their_range_are_named_with_what_would_be_right() {
    let session = Session::script(&[
        "read 0x1000 0",
        "read 0x1000 4097",
        "read 0xffff_ffff_ffff_ffff 2",
        "write 0x1000 256",
        "write 0x1000 -1",
        "write 0x1000",
        "fill 0x1000 0 1",
        "fill 0x1000 0xffffffffffffffff 1",
        "touch 0x1000 4K x",
        "touch 0x1000 4K r 0",
        "read zero",
        "limit frames",
        "limit pages 5",
        "limit frames 0x1_0000_0000_0000_0000",
        "read 99999999999999999999999999999999999999999999999999999999999999",
    ]);
    session.fails(0, "[count]: 0 is out of range: 1 to 4096 is right");
    session.fails(1, "4097 is out of range");
    session.fails(2, "reach past the last address");
    session.fails(3, "<byte>: 256 is out of range: 0 to 255 is right");
    session.fails(4, "`-1` is no number");
    session.fails(5, "<byte> is missing: write <address> <byte>...");
    session.fails(6, "<size>: 0 is out of range");
    session.fails(7, "reach past the last address");
    session.fails(8, "`x` is none of r and w");
    session.fails(9, "[stride]: 0 is out of range");
    session.fails(10, "<address>: `zero` is no number");
    session.fails(11, "<n|off> is missing: limit frames <n|off>");
    session.fails(12, "`pages` is none of frames");
    session.fails(13, "is too large: numbers have 64 bits");
    session.fails(
        14,
        "`9999999999999999999999999999999999999999...` is too large",
    );
}

#[test_case]
fn garbage_and_endless_lines_are_one_error_each() {
    let mut bytes = Vec::from(*b"trace \xf0\x9f\x98\x80\n");
    bytes.extend(core::iter::repeat_n(b'a', 100_000));
    bytes.extend(
        b"\nread 0x1\x1b[D000\x03alloc demand 4K\nfree 0x1000\n\x1b[A\x1b[A\n\x1b[A\x1b[A\n",
    );
    let session = Session::of(&bytes);
    let errors: Vec<&str> = session
        .text
        .lines()
        .filter(|line| line.starts_with("error: "))
        .collect();
    assert_eq!(
        errors,
        [
            "error: the line holds the byte 0xf0: commands are printable ASCII",
            "error: the line has 100000 characters, and a line has at most 1024",
        ]
    );
    assert_eq!(session.text.matches("region=0x0000000000001000").count(), 2);
    assert_eq!(
        session
            .text
            .matches("freed=0x0000000000001000 frames=0")
            .count(),
        2
    );
}
