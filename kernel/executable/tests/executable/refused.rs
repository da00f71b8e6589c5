//! Files that are not run, each with its reason and its sentence.

use executable::{Error, Executable, MOST_BYTES, MOST_SEGMENTS};

use crate::file::{File, PT_INTERP, R, ROOM, W, X, load};

fn refusal(bytes: &[u8]) -> Error {
    Executable::parse(bytes, bytes.len() as u64, ROOM).expect_err("it is broken")
}

/// The good file with some bytes in place of others.
fn patched(at: usize, with: &[u8]) -> Vec<u8> {
    let mut bytes = File::good().bytes();
    bytes[at..at + with.len()].copy_from_slice(with);
    bytes
}

#[track_caller]
fn refuses(bytes: &[u8], error: Error, sentence: &str) {
    assert_eq!(refusal(bytes), error);
    assert_eq!(error.to_string(), sentence);
}

#[test]
fn what_is_no_elf_file() {
    let sentence = "this is no program: an ELF file begins with the bytes 7f 45 4c 46";
    for bytes in [&b""[..], b"\x7fEL", b"#!/bin/sh\n", &patched(0, b"\x7fELf")] {
        refuses(bytes, Error::NotElf, sentence);
    }
}

#[test]
fn a_file_that_ends_within_its_header() {
    refuses(
        &File::good().bytes()[..63],
        Error::Truncated { size: 63 },
        "the file ends after 63 bytes, within its ELF header, which has 64",
    );
}

#[test]
fn a_file_of_32_bits_or_with_the_highest_byte_first() {
    refuses(
        &patched(4, &[1]),
        Error::Format { class: 1, data: 1 },
        "the ELF file has class 1 and byte order 1: class 2 (64 bits) and order 1 (lowest byte first) can run",
    );
    assert_eq!(
        refusal(&patched(5, &[2])),
        Error::Format { class: 2, data: 2 }
    );
}

#[test]
fn a_program_for_another_processor() {
    refuses(
        &patched(18, &[183, 0]),
        Error::Machine(183),
        "the program is for machine 183: 62 (x86-64) can run",
    );
}

#[test]
fn an_object_file() {
    refuses(
        &patched(16, &[1, 0]),
        Error::Type(1),
        "the ELF file is of type 1: type 2 (executable) and type 3 (position-independent) can run",
    );
}

#[test]
fn program_headers_of_another_size() {
    refuses(
        &patched(54, &[32, 0]),
        Error::HeaderSize(32),
        "the program headers are said to have 32 bytes: they have 56",
    );
}

#[test]
fn program_headers_outside_of_the_first_page() {
    refuses(
        &patched(32, &4000_u64.to_le_bytes()),
        Error::HeadersOutside {
            offset: 4000,
            count: 3,
        },
        "3 program headers at byte 4000 of the file: they have to lie between the ELF header and byte 4096",
    );
    for offset in [0, 63, 3929, 4096, u64::MAX] {
        let error = Error::HeadersOutside { offset, count: 3 };
        assert_eq!(refusal(&patched(32, &offset.to_le_bytes())), error);
    }
    let truncated = &File::good().bytes()[..64 + 3 * 56 - 1];
    let (offset, count) = (64, 3);
    assert_eq!(refusal(truncated), Error::HeadersOutside { offset, count });
}

#[test]
fn a_program_that_needs_a_dynamic_linker() {
    let mut file = File::position_independent();
    let mut header = load(R, 0x200, 0x200, 28, 28);
    header.kind = PT_INTERP;
    file.headers.push(header);
    refuses(
        &file.bytes(),
        Error::Interpreter,
        "the program needs a dynamic linker, and there is none: link it statically (-static)",
    );
}

#[test]
fn a_file_with_nothing_to_load() {
    let sentence = "the file has nothing to load: a program has at least one segment (PT_LOAD)";
    let mut file = File::good();
    for header in &mut file.headers {
        header.kind = 4; // a note
    }
    refuses(&file.bytes(), Error::NoSegment, sentence);
    file.headers.clear();
    refuses(&file.bytes(), Error::NoSegment, sentence);
    let empty = load(R, 0, 0, 0, 0);
    file.headers.push(empty);
    refuses(&file.bytes(), Error::NoSegment, sentence);
}

#[test]
fn more_segments_than_are_loaded() {
    let mut file = File::good();
    file.headers.truncate(2);
    let more = |index| load(R, 0, 0x50_0000 + index * 0x1000, 16, 16);
    file.headers.extend((2..MOST_SEGMENTS as u64).map(more));
    let bytes = file.bytes();
    assert!(Executable::parse(&bytes, bytes.len() as u64, ROOM).is_ok());
    file.headers.push(more(MOST_SEGMENTS as u64));
    refuses(
        &file.bytes(),
        Error::TooManySegments,
        "the program has too many segments: at most 16 are loaded",
    );
}

#[test]
fn an_alignment_that_is_no_power_of_two() {
    refuses(
        &File::with(1, |code| code.align = 0x1800).bytes(),
        Error::Alignment {
            address: 0x40_1000,
            align: 0x1800,
        },
        "the segment at 0x401000 asks for an alignment of 6144: it has to be a power of two",
    );
}

#[test]
fn a_segment_that_is_larger_in_the_file_than_in_memory() {
    refuses(
        &File::with(2, |data| data.in_memory = 0x4ff).bytes(),
        Error::FileLargerThanMemory {
            address: 0x40_3800,
            in_file: 0x500,
            in_memory: 0x4ff,
        },
        "the segment at 0x403800 has 1280 bytes in the file and 1279 in memory: memory has to hold them all",
    );
}

#[test]
fn a_segment_whose_bytes_are_not_all_in_the_file() {
    let mut file = File::good();
    file.size = 0x2800 + 0x4ff;
    refuses(
        &file.bytes(),
        Error::BeyondFile {
            address: 0x40_3800,
            offset: 0x2800,
            in_file: 0x500,
            file_size: 0x2cff,
        },
        "the segment at 0x403800 needs 1280 bytes from byte 10240 on, but the file has only 11519",
    );
    let wraps = File::with(2, |data| data.offset = u64::MAX - 0x7ff);
    assert!(matches!(refusal(&wraps.bytes()), Error::BeyondFile { .. }));
}

#[test]
fn a_segment_that_cannot_be_mapped() {
    refuses(
        &File::with(1, |code| code.offset = 0x1008).bytes(),
        Error::NotCongruent {
            address: 0x40_1000,
            offset: 0x1008,
        },
        "the segment at 0x401000 lies at byte 4104 of the file: both have to have the same last 12 bits, or it cannot be mapped",
    );
}

#[test]
fn a_segment_outside_of_the_room() {
    let at = |address, in_memory| {
        let file = File::with(2, |data| *data = load(R | W, 0, address, 0, in_memory));
        refusal(&file.bytes())
    };
    let (start, end) = (0xffff_8000_0000_0000, 0xffff_8000_0000_1000);
    assert_eq!(at(start, 0x1000), Error::Outside { start, end });
    assert_eq!(
        Error::Outside { start, end }.to_string(),
        "a segment from 0xffff800000000000 to 0xffff800000001000 lies where no program may: it has to be in the lower half, above the null page, and below the stack"
    );
    // Too low, one byte too far, beyond the last address, of all sizes at once.
    let outside = |address, size| matches!(at(address, size), Error::Outside { .. });
    assert!(outside(ROOM.start - 1, 1) && outside(0, 1));
    assert!(outside(ROOM.end - 0x1000, 0x1001) && outside(ROOM.end, 1));
    assert!(outside(u64::MAX - 4, 16) && outside(0x50_0000, u64::MAX));
    let nowhere = File::with(2, |data| data.address = 0x7fff_ffff_f800);
    assert!(matches!(refusal(&nowhere.bytes()), Error::Outside { .. }));
}

#[test]
fn a_position_independent_program_with_an_alignment_that_no_room_has() {
    let mut file = File::position_independent();
    file.headers[0].align = 1 << 63;
    let bytes = file.bytes();
    let mut room = ROOM;
    room.base = (1 << 63) + 1;
    let error = Executable::parse(&bytes, bytes.len() as u64, room);
    assert!(matches!(error, Err(Error::Outside { .. })));
}

#[test]
fn segments_that_overlap_or_are_out_of_order() {
    // They have no byte in common, but a page.
    let (offset, address) = (0x2234, 0x40_2234);
    let touching = File::with(2, |data| (data.offset, data.address) = (offset, address));
    refuses(
        &touching.bytes(),
        Error::Overlap {
            address: 0x40_2000,
            end: 0x40_3000,
        },
        "the segment at 0x402000 begins before 0x403000, where the one before it ends: segments are in order and have no page in common",
    );
    let mut file = File::good();
    file.headers.swap(1, 2);
    assert!(matches!(refusal(&file.bytes()), Error::Overlap { .. }));
}

#[test]
fn a_segment_that_is_writable_and_executable() {
    refuses(
        &File::with(1, |code| code.flags = R | W | X).bytes(),
        Error::WritableAndExecutable { address: 0x40_1000 },
        "the segment at 0x401000 is both writable and executable: it may be one of them",
    );
}

#[test]
fn segments_that_are_too_large_together() {
    let most = MOST_BYTES - 3 * 0x1000;
    let last = |in_memory| {
        let file = File::with(2, |data| *data = load(R | W, 0, 0x50_0000, 0, in_memory));
        let bytes = file.bytes();
        Executable::parse(&bytes, bytes.len() as u64, ROOM)
    };
    assert!(last(most).is_ok());
    let error = Error::TooLarge {
        bytes: MOST_BYTES + 0x1000,
    };
    assert_eq!(last(most + 1), Err(error));
    assert_eq!(
        error.to_string(),
        "the segments have 4294971392 bytes and more: together they may have 4294967296"
    );
}

#[test]
fn an_entry_outside_of_the_code() {
    let mut file = File::good();
    for entry in [0, 0x40_0fff, 0x40_2234, 0x40_3900, u64::MAX] {
        file.entry = entry;
        assert_eq!(refusal(&file.bytes()), Error::EntryOutside { entry });
    }
    assert_eq!(
        Error::EntryOutside { entry: 0x40_0fff }.to_string(),
        "the program starts at 0x400fff, which is in no executable segment"
    );
}
