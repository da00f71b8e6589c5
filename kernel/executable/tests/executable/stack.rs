//! The first stack, read back as a C library's start-up code reads it.

use std::collections::BTreeMap;

use executable::stack::{StackError, Start, key};
use executable::{Executable, PAGE};

use crate::file::{File, ROOM};

const TOP: u64 = 0x7fff_ffff_f000;
const RANDOM: [u8; 16] = *b"sixteen random b";

/// Memory below [`TOP`], of which only what was written can be read.
#[derive(Default)]
struct Memory(BTreeMap<u64, u8>);

impl Memory {
    fn write(&mut self, address: u64, bytes: &[u8]) {
        for (at, byte) in (address..).zip(bytes) {
            assert!(at < TOP, "{at:#x} is above the stack");
            assert_eq!(self.0.insert(at, *byte), None, "{at:#x} is written twice");
        }
    }

    fn bytes<const N: usize>(&self, address: u64) -> [u8; N] {
        std::array::from_fn(|index| self.0[&(address + index as u64)])
    }

    fn word(&self, address: u64) -> u64 {
        u64::from_le_bytes(self.bytes(address))
    }

    fn string(&self, address: u64) -> String {
        let bytes = (address..).map(|at| self.0[&at]);
        let bytes = bytes.take_while(|byte| *byte != 0).collect();
        String::from_utf8(bytes).expect("as it was written")
    }

    /// The strings of a list of addresses that a 0 ends, and what comes after.
    fn list(&self, mut at: u64) -> (Vec<String>, u64) {
        let mut strings = Vec::new();
        while self.word(at) != 0 {
            strings.push(self.string(self.word(at)));
            at += 8;
        }
        (strings, at + 8)
    }
}

fn executable() -> Executable {
    let bytes = File::good().bytes();
    Executable::parse(&bytes, bytes.len() as u64, ROOM).expect("a good file")
}

fn start<'a>(arguments: &'a [&'a [u8]], environment: &'a [&'a [u8]]) -> Start<'a> {
    Start {
        path: b"/bin/hello",
        arguments,
        environment,
        random: RANDOM,
        hardware: 0x1f8b_fbff,
    }
}

/// What the program finds: arguments, environment, auxiliary vector.
fn read(memory: &Memory, rsp: u64) -> (Vec<String>, Vec<String>, BTreeMap<u64, u64>) {
    let count = memory.word(rsp);
    let (arguments, at) = memory.list(rsp + 8);
    assert_eq!(arguments.len() as u64, count);
    let (environment, mut at) = memory.list(at);
    let mut auxiliary = BTreeMap::new();
    while memory.word(at) != key::NULL {
        let before = auxiliary.insert(memory.word(at), memory.word(at + 8));
        assert_eq!(before, None, "each key once");
        at += 16;
    }
    assert_eq!(memory.word(at + 8), 0);
    (arguments, environment, auxiliary)
}

fn write(start: &Start<'_>, most: u64) -> (Result<u64, StackError<()>>, Memory) {
    let mut memory = Memory::default();
    let rsp = start.write(&executable(), TOP, most, |address, bytes| {
        memory.write(address, bytes);
        Ok(())
    });
    (rsp, memory)
}

#[test]
fn start_up_code_finds_arguments_environment_and_auxiliary_vector() {
    let arguments: [&[u8]; 3] = [b"hello", b"", b"two words"];
    let environment: [&[u8]; 2] = [b"HOME=/", b"TERM=xterm"];
    let (rsp, memory) = write(&start(&arguments, &environment), PAGE);
    let rsp = rsp.expect("it fits");
    assert_eq!(rsp % 16, 0);
    let (found, variables, auxiliary) = read(&memory, rsp);
    assert_eq!(found, ["hello", "", "two words"]);
    assert_eq!(variables, ["HOME=/", "TERM=xterm"]);

    let expected = [
        (key::PHDR, 0x40_0040),
        (key::PHENT, 56),
        (key::PHNUM, 3),
        (key::PAGESZ, 4096),
        (key::BASE, 0),
        (key::FLAGS, 0),
        (key::ENTRY, 0x40_1010),
        (key::UID, 0),
        (key::EUID, 0),
        (key::GID, 0),
        (key::EGID, 0),
        (key::HWCAP, 0x1f8b_fbff),
        (key::CLKTCK, 100),
        (key::SECURE, 0),
    ];
    for (key, value) in expected {
        assert_eq!(auxiliary[&key], value, "key {key}");
    }
    assert_eq!(memory.bytes(auxiliary[&key::RANDOM]), RANDOM);
    assert_eq!(memory.string(auxiliary[&key::EXECFN]), "/bin/hello");
    assert_eq!(auxiliary.len(), expected.len() + 2);
}

#[test]
fn the_path_ends_eight_bytes_below_the_top() {
    let (_, memory) = write(&start(&[b"hello"], &[]), PAGE);
    assert_eq!(memory.word(TOP - 8), 0);
    assert_eq!(memory.string(TOP - 8 - 11), "/bin/hello");
}

#[test]
fn the_strings_follow_each_other_arguments_first() {
    let (rsp, memory) = write(&start(&[b"a", b"bc"], &[b"D=e"]), PAGE);
    let argv = rsp.expect("it fits") + 8;
    let first = memory.word(argv);
    assert_eq!(
        memory.bytes(first),
        *b"a\0bc\0D=e\0/bin/hello\0\0\0\0\0\0\0\0\0"
    );
    assert_eq!(memory.word(argv + 8), first + 2);
    assert_eq!(memory.word(argv + 24), first + 5);
}

#[test]
fn the_stack_pointer_is_a_multiple_of_16_whatever_there_is() {
    for length in 0..40 {
        let long = vec![b'x'; length];
        let many = vec![&long[..]; length];
        let (rsp, memory) = write(&start(&many, &many[length / 2..]), 4 * PAGE);
        let rsp = rsp.expect("it fits");
        assert_eq!(rsp % 16, 0);
        let lowest = memory.0.keys().next();
        assert_eq!(lowest, Some(&rsp), "nothing below it is written");
        let (arguments, environment, _) = read(&memory, rsp);
        assert_eq!(
            (arguments.len(), environment.len()),
            (length, length.div_ceil(2))
        );
    }
}

#[test]
fn no_argument_at_all_is_right_too() {
    let (rsp, memory) = write(&start(&[], &[]), PAGE);
    let (arguments, environment, _) = read(&memory, rsp.expect("it fits"));
    assert!(arguments.is_empty() && environment.is_empty());
}

#[test]
fn what_does_not_fit_is_refused_before_a_byte_is_written() {
    let long = [b'x'; 1000];
    let arguments = [&long[..]];
    let start = start(&arguments, &[]);
    let (rsp, _) = write(&start, PAGE);
    let needed = TOP - rsp.expect("it fits");
    assert!(write(&start, needed).0.is_ok());
    let (refused, memory) = write(&start, needed - 1);
    let most = needed - 1;
    let error = StackError::TooLarge { needed, most };
    assert_eq!(refused, Err(error));
    assert!(memory.0.is_empty());
    let no_write: StackError<core::fmt::Error> = StackError::TooLarge {
        needed: 1360,
        most: 1359,
    };
    assert_eq!(
        no_write.to_string(),
        "arguments and environment take 1360 bytes of the stack: they may take 1359"
    );
}

#[test]
fn after_an_error_nothing_more_is_written() {
    let mut calls = 0;
    let result = start(&[b"a"], &[]).write(&executable(), TOP, PAGE, |_, _| {
        calls += 1;
        if calls == 5 {
            Err("no frame left")
        } else {
            Ok(())
        }
    });
    assert_eq!(result, Err(StackError::Write("no frame left")));
    assert_eq!(calls, 5);
}

#[test]
fn it_is_written_from_the_top_down() {
    let mut before = TOP;
    let result =
        start(&[b"a", b"b"], &[b"C=d"]).write::<()>(&executable(), TOP, PAGE, |at, bytes| {
            assert!(at + bytes.len() as u64 <= before);
            before = at;
            Ok(())
        });
    assert_eq!(result, Ok(before));
}
