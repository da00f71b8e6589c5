//! The monitor's `object`, `objects` and `attach`: shared memory, and files of the
//! archive, mapped into the current space.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(kernel::testing::run)]
#![reexport_test_harness_main = "test_main"]

extern crate alloc;

#[path = "common/session.rs"]
mod session;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use kernel::files::cache;
use kernel::spaces;
use memory::object::ObjectKind;
use session::{Session, field, free_all};

kernel::test_kernel!(test_main);

/// The number that the next object will have.
fn next_object() -> u64 {
    let memory = spaces::memory();
    let object = memory.create_object(ObjectKind::SharedMemory, 1);
    let object = object.expect("there are frames");
    let number = object.id().number();
    memory.release_object(object);
    number + 1
}

/// Types commands, in which `#` stands for the number of the object that is made
/// next; each `audit` must find nothing.
fn session(commands: &[&str]) -> (Session, u64) {
    free_all();
    cache::let_go();
    let number = next_object();
    let commands: Vec<String> = commands
        .iter()
        .map(|command| command.replace('#', &format!("{number}")))
        .collect();
    let typed: Vec<&str> = commands.iter().map(String::as_str).collect();
    let session = Session::script(&typed);
    for (index, _) in typed.iter().enumerate().filter(|(_, it)| **it == "audit") {
        assert_eq!(session.field(index, "audit"), "ok");
    }
    (session, number)
}

/// `pages=`, `held=` and `mappings=` of an object in an answer of `objects`.
fn listed(session: &Session, index: usize, object: &str) -> [u64; 3] {
    let lines = session.answer(index).lines();
    let mut lines = lines.filter(|line| line.split(' ').any(|word| word == object));
    let line = lines.next().expect("it is listed");
    ["pages", "held", "mappings"].map(|name| {
        let number = field(line, name).and_then(|text| text.parse().ok());
        number.expect("it is a number")
    })
}

#[test_case]
fn shared_memory_is_one_frame_for_all_spaces_that_attach_it() {
    let (session, object) = session(&[
        "frames",            // 0
        "object 16K",        // 1
        "attach #",          // 2
        "write 0x1000 0xaa", // 3
        "objects",           // 4
        "space new",         // 5
        "space 1",           // 6
        "attach #",          // 7
        "read 0x1000",       // 8
        "write 0x1001 0xbb", // 9
        "write 0x2000 1",    // 10
        "objects",           // 11
        "frames",            // 12
        "audit",             // 13
        "space 0",           // 14
        "read 0x1000 2",     // 15
        "read 0x2000",       // 16
        "space free 1",      // 17
        "free 0x1000",       // 18
        "objects",           // 19
        "object free #",     // 20
        "frames",            // 21
        "object free #",     // 22
    ]);
    let name = format!("object={object}");
    assert_eq!(session.answer(1), format!("{name} pages=4"));
    assert_eq!(
        session.answer(2),
        "region=0x1000 end=0x5000 backing=object page=4K pages=4 frames=0"
    );
    assert_eq!(session.cost(3), (1, 1));
    assert_eq!(listed(&session, 4, &name), [4, 1, 1]);
    assert!(session.answer(8).contains("  aa  ") && session.cost(8) == (1, 0));
    assert_eq!(session.cost(9), (0, 0), "the page may be written already");
    assert_eq!(session.cost(10), (1, 1));
    assert_eq!(listed(&session, 11, &name), [4, 2, 2]);
    let shared = |index| session.number(index, "shared");
    assert_eq!(shared(12) - shared(0), 2);
    assert!(session.answer(15).contains("  aa bb  ") && session.cost(15) == (0, 0));
    assert_eq!(session.cost(16), (1, 0));
    assert_eq!(session.answer(17), "freed=1 frames=0");
    assert_eq!(session.number(18, "frames"), 0);
    assert_eq!(listed(&session, 19, &name), [4, 2, 0]);
    assert_eq!(session.answer(20), format!("freed={object} frames=2"));
    for count in ["private", "shared", "tables"] {
        assert_eq!(session.number(21, count), session.number(0, count));
    }
    session.fails(22, &format!("there is no object {object}: `objects` lists"));
}

#[test_case]
fn a_fork_writes_to_a_shared_mapping_and_copies_a_private_one() {
    let (session, object) = session(&[
        "object 8K",         // 0
        "attach #",          // 1
        "attach # private",  // 2
        "write 0x1000 0x11", // 3
        "read 0x3000",       // 4
        "space fork",        // 5
        "objects",           // 6
        "space 1",           // 7
        "write 0x1000 0x22", // 8
        "write 0x3000 0x33", // 9
        "frames",            // 10
        "audit",             // 11
        "space 0",           // 12
        "read 0x1000",       // 13
        "read 0x3000",       // 14
        "faults",            // 15
        "write 0x4000 0x44", // 16
        "faults",            // 17
        "read 0x2000",       // 18
        "space free 1",      // 19
        "audit",             // 20
    ]);
    assert_eq!((session.cost(3), session.cost(4)), ((1, 1), (1, 0)));
    assert_eq!(session.answer(5), "space=1 shared=2");
    let name = format!("object={object}");
    assert_eq!(listed(&session, 6, &name), [2, 1, 4]);
    assert_eq!(session.cost(8), (0, 0), "it goes to the object's frame");
    assert_eq!(session.cost(9), (1, 1), "it goes to a copy");
    assert_eq!(session.number(10, "shared"), 1);
    assert!(session.answer(13).contains("  22  "));
    assert!(session.answer(14).contains("  22  "), "not copied here");
    // The page was not there: one frame for it, one for the copy.
    assert_eq!(session.cost(16), (1, 2));
    let copies = |index| session.number(index, "object_copy");
    assert_eq!(copies(17) - copies(15), 1);
    assert!(session.answer(18).contains("  00  "));
    assert_eq!(session.answer(19), "freed=1 frames=1");
    free_all();
}

#[test_case]
fn a_page_of_a_file_is_read_once_for_all_who_attach_it_and_nobody_writes_to_it() {
    let (session, _) = session(&[
        "attach hello",                     // 0
        "read 0x2000",                      // 1
        "regions",                          // 2
        "attach bin/hello private size=8K", // 3
        "regions",                          // 4
        "objects",                          // 5
        "attach hello rights=rw",           // 6
        "attach hello rights=rx size=4K",   // 7
        "audit",                            // 8
    ]);
    let base = session.field(0, "region");
    let private = session.field(3, "region");
    let executed = session.field(7, "region");
    assert!(session.answer(2).contains("backing=object\n  page=4K") && base == "0x1000");
    assert!(session.answer(2).contains(" name=\"bin/hello\""));
    assert_eq!(session.number(3, "pages"), 2);
    assert_eq!(listed(&session, 5, "file=bin/hello")[1..], [1, 2]);
    session.fails(6, "nobody writes to the file `hello`: rights=r or rx");
    let more = Session::script(&[
        &format!("read {base} 4"),        // 0
        &format!("read {private} 4"),     // 1
        &format!("write {private} 1"),    // 2
        &format!("read {private} 2"),     // 3
        &format!("read {base} 2"),        // 4
        &format!("write {base} 1"),       // 5
        &format!("read {executed} 2"),    // 6
        "files",                          // 7
        "objects",                        // 8
        "audit",                          // 9
        &format!("protect {base} 4K rw"), // 10
        "audit",                          // 11
    ]);
    assert!(more.answer(0).contains("  7f 45 4c 46  "));
    assert_eq!(
        more.cost(0),
        (2, 1),
        "it waits for the page, and comes again"
    );
    assert_eq!(more.cost(1), (1, 0));
    assert_eq!(more.cost(2), (1, 1));
    assert!(more.answer(3).contains("  01 45  ") && more.answer(4).contains("  7f 45  "));
    more.fails(5, "the region does not allow writing");
    assert_eq!(more.cost(6), (1, 0));
    let mut files = more.answer(7).lines();
    let hello = files.find(|line| line.starts_with("file=bin/hello "));
    assert_eq!(field(hello.expect("it is there"), "cached"), Some("2"));
    assert_eq!(listed(&more, 8, "file=bin/hello")[1..], [2, 3]);
    more.fails(
        10,
        "is executed, so it cannot be mapped shared and writable",
    );
    free_all();
}

#[test_case]
fn an_object_is_written_or_executed_and_never_both() {
    let (session, object) = session(&[
        "object 4K",                  // 0
        "attach #",                   // 1
        "attach # rights=rx",         // 2
        "attach # private rights=rx", // 3
        "attach # private",           // 4
        "free 0x1000",                // 5
        "attach # rights=rx",         // 6
        "attach #",                   // 7
        "attach # rights=r",          // 8
        "protect 0x3000 4K rw",       // 9
        "audit",                      // 10
        "objects",                    // 11
        "object free #",              // 12
    ]);
    let written = format!("object {object} is mapped shared and writable");
    session.fails(2, &written);
    session.fails(3, &written);
    assert_eq!(session.field(4, "region"), "0x2000");
    assert_eq!(session.field(6, "region"), "0x1000");
    let executed = format!("object {object} is executed");
    session.fails(7, &executed);
    assert_eq!(session.field(8, "region"), "0x3000");
    session.fails(9, &executed);
    let name = format!("object={object}");
    assert_eq!(listed(&session, 11, &name), [1, 0, 3]);
    session.fails(
        12,
        &format!("object {object} has 3 mappings: free those first"),
    );
    free_all();
}

#[test_case]
fn what_is_wrong_with_an_object_is_said_and_changes_nothing() {
    let (session, object) = session(&[
        "object 16K",                         // 0
        "frames",                             // 1
        "object",                             // 2
        "object 0",                           // 3
        "object large",                       // 4
        "object 4K 4K",                       // 5
        "object 0x1000000000000000",          // 6
        "object free",                        // 7
        "object free 77777",                  // 8
        "objects all",                        // 9
        "attach",                             // 10
        "attach 77777",                       // 11
        "attach nothing",                     // 12
        "attach bin",                         // 13
        "attach # offset=16K",                // 14
        "attach # offset=5",                  // 15
        "attach # offset=0xfffffffffffff000", // 16
        "attach # size=0",                    // 17
        "attach # rights=w",                  // 18
        "attach # private private",           // 19
        "attach # offset=0 offset=4K",        // 20
        "attach # now",                       // 21
        "attach # size=0xffffffffffffffff",   // 22
        "attach hello offset=1M",             // 23
        "regions",                            // 24
        "frames",                             // 25
        "objects",                            // 26
    ]);
    let end = "a multiple of 4K is right, below the end of its 4 pages";
    for (index, why) in [
        (2, "<size | free n> is missing"),
        (3, "<size>: 0 is out of range: 1 to"),
        (4, "<size | free n>: `large` is no number"),
        (5, "`4K` is one word too many: object <size | free n>"),
        (
            6,
            "an object has 68719476736 pages at most, not 281474976710656",
        ),
        (7, "<n> is missing"),
        (8, "there is no object 77777: `objects` lists"),
        (9, "`all` is one word too many"),
        (10, "<object|file> is missing"),
        (11, "there is no object 77777"),
        (12, "the archive has no file `nothing`"),
        (13, "the archive has no file `bin`"),
        (14, "offset=: 0x4000 is no page of what is attached"),
        (14, end),
        (15, end),
        (16, end),
        (17, "a region has at least one byte"),
        (18, "rights=: `w` is none of r, rw and rx"),
        (19, "`private` and `private` are two words for the same"),
        (20, "`offset=0` and `offset=4K` are two words for the same"),
        (21, "`now` is one word too many"),
        (22, "0xffffffffffffffff bytes are more than the space holds"),
        (23, "offset=: 0x100000 is no page of what is attached"),
    ] {
        session.fails(index, why);
    }
    assert!(session.answer(24).starts_with("region=0xffff8"));
    assert_eq!(session.answer(25), session.answer(1));
    let name = format!("object={object}");
    assert_eq!(listed(&session, 26, &name), [4, 0, 0]);
}

#[test_case]
fn pages_behind_the_end_of_an_object_refuse_every_access() {
    let (session, _) = session(&[
        "object 16K",                  // 0
        "attach # offset=12K size=8K", // 1
        "write 0x1000 1",              // 2
        "touch 0x1000 8K r",           // 3
        "write 0x2000 1",              // 4
        "frames",                      // 5
        "audit",                       // 6
    ]);
    assert_eq!(session.number(1, "pages"), 2);
    assert_eq!(session.cost(2), (1, 1));
    session.fails(3, "touch stopped after 1 of 2");
    session.fails(4, "past the end of the object that is mapped here");
    assert_eq!(session.number(5, "shared"), 1);
    free_all();
}

#[test_case]
fn without_frames_a_page_is_refused_and_comes_when_there_are_some() {
    let (session, _) = session(&[
        "object 8K",        // 0
        "attach #",         // 1
        "write 0x1000 1",   // 2
        "frames",           // 3
        "limit frames 0",   // 4
        "write 0x2000 1",   // 5
        "read 0x2000",      // 6
        "limit frames off", // 7
        "frames",           // 8
        "write 0x2000 1",   // 9
        "limit frames 0",   // 10
        "attach hello",     // 11
        "read 0x3000",      // 12
        "limit frames off", // 13
        "read 0x3000",      // 14
        "audit",            // 15
    ]);
    session.fails(5, "too few frames");
    session.fails(6, "too few frames");
    for count in ["private", "shared", "tables"] {
        assert_eq!(session.number(8, count), session.number(3, count));
    }
    assert_eq!(session.cost(9), (1, 1));
    session.fails(12, "too few frames");
    assert_eq!(session.cost(14), (2, 1));
    free_all();
}

#[test_case]
fn there_is_a_most_number_of_objects_and_one_that_is_freed_makes_room() {
    let mut commands = Vec::from(["object 4K"; 33]);
    commands.extend(["object free #", "object 4K", "objects"]);
    let (session, _) = session(&commands);
    session.fails(
        32,
        "32 objects were made, and no more may be: `object free <n>`",
    );
    assert_eq!(session.number(33, "frames"), 0);
    assert_eq!(session.number(34, "pages"), 1);
    let last = session.answer(35).lines().last();
    assert_eq!(last, Some("objects=32"));
}
