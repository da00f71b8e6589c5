//! Files that can be run.

use executable::{Executable, HEAD, Kind, Rights};

use crate::file::{File, PT_GNU_RELRO, PT_GNU_STACK, PT_TLS, R, ROOM, W, X, load};
use crate::properties;

fn parse(file: &File) -> Executable {
    let bytes = file.bytes();
    let size = bytes.len() as u64;
    let executable = Executable::parse(&bytes, size, ROOM).expect("a good file");
    properties::check(&executable, size, ROOM);
    executable
}

#[test]
fn a_segment_is_pages_of_the_file_then_zeroes_in_the_last_then_pages_of_zeroes() {
    let executable = parse(&File::good());
    let [head, code, data] = executable.segments() else {
        panic!("three segments");
    };
    assert_eq!((head.offset, head.file_pages()), (0, 0x40_0000..0x40_1000));
    assert_eq!(
        (code.offset, code.file_pages()),
        (0x1000, 0x40_1000..0x40_3000)
    );
    assert!(code.tail().is_empty() && code.zero_pages().is_empty());

    assert_eq!(
        (data.offset, data.file_pages()),
        (0x2000, 0x40_3000..0x40_4000)
    );
    assert_eq!(data.tail(), 0x40_3d00..0x40_4000);
    assert_eq!(data.zero_pages(), 0x40_4000..0x40_7000);
    assert_eq!(executable.span(), 0x40_0000..0x40_7000);
    assert_eq!((executable.kind, executable.bias), (Kind::Fixed, 0));
    assert_eq!(executable.entry, 0x40_1010);
}

#[test]
fn rights_are_those_of_the_header() {
    let rights: Vec<Rights> = parse(&File::good())
        .segments()
        .iter()
        .map(|segment| segment.rights)
        .collect();
    let expected = [
        (true, false, false),
        (true, false, true),
        (true, true, false),
    ];
    assert_eq!(
        rights,
        expected.map(|(read, write, execute)| Rights {
            read,
            write,
            execute
        })
    );
}

#[test]
fn the_headers_are_where_a_segment_brings_them() {
    assert_eq!(parse(&File::good()).headers, Some(0x40_0040));
    let without = File::with(0, |head| head.in_file = 64 + 3 * 56 - 1);
    assert_eq!(parse(&without).headers, None);
}

#[test]
fn a_position_independent_program_begins_at_the_rooms_base() {
    let executable = parse(&File::position_independent());
    assert_eq!(executable.kind, Kind::PositionIndependent);
    assert_eq!(executable.bias, ROOM.base);
    assert_eq!(executable.entry, ROOM.base + 0x1010);
    assert_eq!(executable.headers, Some(ROOM.base + 0x40));
    assert_eq!(executable.span(), ROOM.base..ROOM.base + 0x7000);
}

#[test]
fn a_position_independent_program_is_aligned_as_it_asks_and_may_have_any_address_in_its_file() {
    let mut file = File::position_independent();
    file.headers[1].align = 0x20_0000;
    assert_eq!(parse(&file).bias, 0x5555_5560_0000);

    // Linked for somewhere above the base: the bias is negative, and wraps.
    file.entry += 0x7000_0000_0000;
    for header in &mut file.headers {
        header.address += 0x7000_0000_0000;
    }
    let executable = parse(&file);
    assert_eq!(executable.span().start, 0x5555_5560_0000);
    assert_eq!(executable.entry, 0x5555_5560_1010);
}

#[test]
fn a_segment_without_a_byte_in_the_file_is_all_zeroes() {
    // Its offset means nothing, not even that it lies in the file.
    let file = File::with(2, |data| {
        *data = load(R | W, u64::MAX, 0x40_3804, 0, 0x1000);
    });
    let executable = parse(&file);
    let data = &executable.segments()[2];
    assert!(data.file_pages().is_empty() && data.tail().is_empty());
    assert_eq!(data.zero_pages(), 0x40_3000..0x40_5000);
}

#[test]
fn a_segment_that_ends_with_a_page_of_the_file_has_no_tail() {
    let file = File::with(2, |data| {
        *data = load(R | W, 0x1800, 0x40_3800, 0x800, 0x2800);
    });
    let executable = parse(&file);
    let data = &executable.segments()[2];
    assert!(data.tail().is_empty());
    assert_eq!(data.zero_pages(), 0x40_4000..0x40_6000);
}

#[test]
fn an_empty_segment_is_none() {
    let file = File::with(2, |data| *data = load(R | W | X, 0, 0, 0, 0));
    assert_eq!(parse(&file).segments().len(), 2);
}

#[test]
fn other_headers_change_nothing() {
    let mut file = File::good();
    for kind in [PT_TLS, PT_GNU_STACK, PT_GNU_RELRO, 0x1234_5678] {
        let mut header = load(R | W | X, u64::MAX, u64::MAX, u64::MAX, 1);
        header.kind = kind;
        file.headers.push(header);
    }
    let executable = parse(&file);
    assert_eq!(executable.header_count, 7);
    assert_eq!(
        executable.segments(),
        parse(&File::good()).segments(),
        "the same program"
    );
}

#[test]
fn only_the_first_page_of_the_file_is_looked_at() {
    let file = File::good();
    let bytes = file.bytes();
    let size = bytes.len() as u64;
    assert_eq!(
        Executable::parse(&bytes[..HEAD], size, ROOM),
        Executable::parse(&bytes, size, ROOM)
    );
}

#[test]
fn the_file_may_lie_at_any_address() {
    let mut bytes = vec![0];
    bytes.extend(File::good().bytes());
    assert!(Executable::parse(&bytes[1..], bytes.len() as u64 - 1, ROOM).is_ok());
}
