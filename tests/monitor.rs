//! The monitor as a session: prompt, help, errors, line editing, the end.
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
use kernel::monitor::commands::COMMANDS;
use session::{Session, free_all};

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
    // `fg` wants a program that was stopped.
    const ENDS_OR_SPEAKS_ELSEWHERE: [&str; 5] = ["crash", "bench", "tour", "exit", "fg"];
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
    assert_eq!(session.text.matches("region=0x1000").count(), 2);
    assert_eq!(session.text.matches("freed=0x1000 frames=0").count(), 2);
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
fn a_comment_ends_the_line_and_a_line_of_it_is_no_command() {
    let session = Session::script(&[
        "# frames",
        "  # nonsense",
        "trace off # and nothing else",
        "trace off#",
        "#",
    ]);
    assert_eq!([0, 1, 4].map(|index| session.answer(index)), [""; 3]);
    assert_eq!(session.answer(2), "trace=off");
    session.fails(3, "`off#` is none of on and off");
}

#[test_case]
fn ctrl_z_stops_a_program_and_fg_lets_it_go_on_to_its_end() {
    // It is there when the first turn is over.
    input::type_ahead(b'x');
    input::type_ahead(0x1a);
    let session = Session::script(&[
        "fg",
        "run bomb 300",
        "ps",
        "regions process=1",
        "regions process=0",
        "regions process=5000000000",
        "run hello",
        "audit",
        "fg",
        "ps",
        "audit",
    ]);
    assert_eq!(
        session.error(0),
        "no program is stopped: Ctrl-Z stops the one that runs"
    );
    assert_eq!(session.answer(1), "stopped=1");
    let listed: Vec<&str> = session.answer(2).lines().collect();
    assert!(listed[0].starts_with("process=1 parent=0 state=ready frames="));
    assert_eq!(session.number(2, "processes") + 1, listed.len() as u64);
    assert!(
        session.number(2, "processes") < 301,
        "it was stopped on its way"
    );
    let regions = session.answer(3);
    assert!(regions.contains("name=\"stack\"") && regions.contains("name=\"text\""));
    session.fails(
        4,
        "no process 0 has memory: `ps` lists those that there are",
    );
    session.fails(5, "no process 5000000000 has memory");
    session.fails(
        6,
        "process 1 is stopped: `fg` lets it go on, and Ctrl-C ends it then",
    );
    assert_eq!(session.field(7, "audit"), "ok");
    assert_eq!(session.field(8, "exited"), "0");
    assert!(session.number(8, "faults") > 0);
    assert_eq!(session.answer(9), "processes=0");
    assert_eq!(session.field(10, "audit"), "ok");
    assert_eq!(
        input::try_read(),
        None,
        "what was typed before it went with it"
    );
}

#[test_case]
fn ctrl_c_ends_a_program_that_was_stopped_once_it_goes_on() {
    input::type_ahead(0x1a);
    let session = Session::script(&["run bomb 300", "exit 5"]);
    assert_eq!((session.answer(0), session.status), ("stopped=1", 5));
    // The monitor that stopped it has gone, and with it the program.
    for byte in [0x1a, 0x03] {
        input::type_ahead(byte);
    }
    let session = Session::script(&["run bomb 300", "audit"]);
    assert_eq!(
        session.field(0, "reason"),
        "ctrl_c",
        "it comes before Ctrl-Z"
    );
    assert_eq!(session.field(1, "audit"), "ok");
    assert_eq!(
        [input::try_read(), input::try_read()],
        [Some(0x1a), Some(3)]
    );
}
