//! The monitor's `walk`, `trace`, `frames`, `faults`, `heap`, `map` and `files`: what
//! they tell agrees with what was done.
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
use line::number::size;
use session::{Session, free_all};

kernel::test_kernel!(test_main);

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
    let parts = "address=0x10005 level4=0 level3=0 level2=0 level1=16 offset=0x5";
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
        "address=0xffffffffffffffff level4=511 level3=511 level2=511 level1=511\n  offset=0xfff"
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
    assert_eq!(lines.len(), 601);
    for (page, line) in lines[..600].chunks(2).enumerate() {
        let address = 0x1000 + page * 4096;
        assert_eq!(
            line[0],
            format!("fault={address:#x} access=write cause=absent code=0x2 region=0x1000")
        );
        assert!(
            line[1].starts_with("  instruction=0xffff8")
                && line[1].contains(" outcome=demand frame=0x"),
            "{line:?}"
        );
    }
    assert!(lines.iter().all(|line| line.len() <= 76), "{lines:?}");
    assert_eq!(lines[600], "touched=300 faults=300 frames=300");
    assert_eq!(session.answer(3).lines().count(), 2);
    let refused: Vec<&str> = session.answer(4).lines().collect();
    assert!(
        refused[0].ends_with(" region=none")
            && refused[1].ends_with(" outcome=refused_no_region frame=none"),
        "{refused:?}"
    );
    assert!(refused[2].starts_with("error: read of 0x9000000 was refused"));
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
        "heap trim",
        "heap now",
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
    for index in [8, 10] {
        let of = |name| session.number(index, name);
        assert_eq!(of("reserved"), 0);
        assert!(of("in_use") <= of("size") && of("largest_free") <= of("size"));
        assert!(of("blocks") > 0 && of("growths") > 0 && of("spans") > 0);
        assert!(of("resident") * 4096 >= of("in_use"));
    }
    assert_eq!(
        session.number(8, "resident") - session.number(10, "resident"),
        session.number(10, "trimmed")
    );
    session.fails(11, "`now` is none of trim");
    free_all();
}

#[test_case]
fn the_pictures_agree_with_the_counters() {
    let cell = Session::script(&["map physical"]);
    let cell = size(cell.field(0, "cell")).expect("a size as it is typed");
    // So much that most frames of some cell are private.
    let private = format!("alloc immediate {}", 3 * cell);
    let session = Session::script(&[
        "alloc demand 128K",
        "touch 0x1000 64K w",
        "alloc zero 128K",
        "touch 0x21000 64K r",
        "guard 4K",
        &private,
        "map virtual",
        "map physical",
        "frames",
        "map",
        "map logical",
    ]);
    let bars: Vec<&str> = session.answer(6).lines().collect();
    let (half, nothing) = ("#".repeat(16), ".".repeat(16));
    assert!(
        bars[0].starts_with(&format!(
            "0x1000     [{half}{nothing}] 128K demand rw resident=16 of=32"
        )),
        "{bars:?}"
    );
    assert!(
        bars[1].starts_with(&format!(
            "0x21000    [{}{nothing}] 128K zero rw resident=0 of=32",
            "z".repeat(16)
        )),
        "{bars:?}"
    );
    assert!(
        bars[2].starts_with("0x41000    [x]") && bars[2].contains(" 4K guard none "),
        "{bars:?}"
    );

    let picture = session.answer(7);
    for name in ["free", "used", "reserved", "private", "tables", "zero"] {
        assert_eq!(session.number(7, name), session.number(8, name), "{name}");
    }
    let rows = picture.lines().filter(|line| line.starts_with("0x"));
    let cells: alloc::string::String = rows.map(|row| &row[12..]).collect();
    let cell = size(session.field(7, "cell")).expect("a size as it is typed") / 4096;
    let count = |is_wanted: fn(&char) -> bool| cells.chars().filter(is_wanted).count() as u64;
    let (whole, part) = (
        count(char::is_ascii_uppercase),
        count(char::is_ascii_lowercase),
    );
    let free = count(|cell| *cell == '.');
    assert!(
        session.number(8, "free") <= (free + part) * cell,
        "{picture}"
    );
    assert!(
        session.number(8, "used") <= (whole + part) * cell,
        "{picture}"
    );
    assert!(cells.contains('z') || cells.contains('Z'), "{picture}");
    assert!(cells.contains('p') || cells.contains('P'), "{picture}");
    session.fails(9, "<physical|virtual> is missing");
    session.fails(10, "`logical` is none of physical and virtual");
    free_all();
}

#[test_case]
fn the_picture_of_physical_memory_counts_what_all_spaces_hold() {
    let session = Session::script(&[
        "alloc immediate 64K",
        "space new",
        "space 1",
        "alloc immediate 32K",
        "map physical",
        "frames",
        "space 0",
        "map physical",
        "frames",
        "space free 1",
    ]);
    for (picture, counters) in [(4, 5), (7, 8)] {
        for name in [
            "free", "used", "reserved", "tables", "kernel", "private", "shared", "zero",
        ] {
            let [shown, counted] = [picture, counters].map(|index| session.number(index, name));
            assert_eq!(shown, counted, "{name}");
        }
    }
    free_all();
}

#[test_case]
fn the_list_of_files_ends_with_their_number_and_takes_no_memory() {
    let session = Session::script(&["frames", "files", "frames", "files now"]);
    let last = session.answer(1).lines().last();
    assert!(last.is_some_and(|line| line.starts_with("files=")));
    assert_eq!(session.answer(0), session.answer(2));
    session.fails(3, "`now` is one word too many: files");
}
