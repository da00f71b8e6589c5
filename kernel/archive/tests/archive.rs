//! What is let through is read as it was written; what is damaged is refused, and never read past its end.

use archive::{Archive, ArchiveError, BLOCK, Entry, Fault, Kind, Place, blocks_to_next};
use proptest::prelude::*;
use tar::{Builder, EntryType, Header};
use tar_no_std::CorruptDataError;

const FILE: EntryType = EntryType::Regular;

/// A header for an entry of this name, with what `change` does to it.
fn header(name: &str, kind: EntryType, size: usize, change: impl FnOnce(&mut Header)) -> Header {
    let mut header = Header::new_ustar();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_size(size as u64);
    header.set_mode(0o755);
    change(&mut header);
    header.set_cksum();
    header
}

/// An archive of these headers, each with its contents.
fn tar(entries: &[(Header, &[u8])]) -> Vec<u8> {
    let mut tar = Builder::new(Vec::new());
    for (header, contents) in entries {
        tar.append(header, *contents).unwrap();
    }
    tar.into_inner().unwrap()
}

fn plain(name: &str, kind: EntryType) -> (Header, &[u8]) {
    (header(name, kind, 0, |_| ()), b"")
}

/// A folder, two files in it, and a link.
fn example() -> Vec<u8> {
    let link = header("link", EntryType::Symlink, 0, |header| {
        header.set_link_name("bin/hello").unwrap();
    });
    let text = header("bin/text", FILE, 6, |header| header.set_mode(0o644));
    tar(&[
        plain("bin/", EntryType::Directory),
        (header("bin/hello", FILE, 513, |_| ()), &[7; 513]),
        (text, b"words\n"),
        (link, b""),
    ])
}

/// What is wrong with the first entry of an archive.
fn fault(first: (Header, &[u8])) -> Option<Fault> {
    match Archive::new(&tar(&[first])) {
        Ok(_) => None,
        Err(ArchiveError::Entry { block: 0, fault }) => Some(fault),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn every_entry_comes_with_its_name_its_mode_and_all_its_bytes() {
    let bytes = example();
    let archive = Archive::new(&bytes).unwrap();
    let entry = |name, mode, kind| Entry { name, mode, kind };
    let file = |start, size| Kind::File(Place { start, size });
    let expected = [
        entry("bin", 0o755, Kind::Folder),
        entry("bin/hello", 0o755, file(1024, 513)),
        entry("bin/text", 0o644, file(2560, 6)),
        entry("link", 0o755, Kind::Link("bin/hello")),
    ];
    assert!(archive.entries().eq(expected));
    for (file, contents) in [(1, &[7; 513][..]), (2, b"words\n")] {
        let Kind::File(place) = expected[file].kind else {
            panic!("it is a file")
        };
        assert_eq!(&bytes[place.range()], contents);
    }
    let sizes: Vec<_> = expected.iter().map(Entry::size).collect();
    assert_eq!(sizes, [0, 513, 6, 9]);
    let runnable: Vec<_> = expected.iter().map(Entry::is_executable).collect();
    assert_eq!(runnable, [false, true, false, false]);
}

#[test]
fn a_name_is_found_whole_and_a_folder_lists_only_what_lies_in_it() {
    let bytes = example();
    let archive = Archive::new(&bytes).unwrap();
    let size = |name| archive.find(name).map(|entry| entry.size());
    assert_eq!((size("bin/text"), size("bin")), (Some(6), Some(0)));
    assert_eq!((size("text"), size("bin/"), size("")), (None, None, None));
    let children = |folder| -> Vec<_> {
        let children = archive.children(folder);
        children.map(|entry| entry.name).collect()
    };
    assert_eq!(children(""), ["bin", "link"]);
    assert_eq!(children("bin"), ["bin/hello", "bin/text"]);
    assert_eq!(children("bi"), [""; 0]);
}

#[test]
fn an_archive_may_be_empty() {
    let empty = tar(&[]);
    assert_eq!(Archive::new(&[0; 1536]).unwrap().entries().count(), 0);
    assert_eq!(Archive::EMPTY.entries().count(), 0);
    let refused = Archive::new(&empty).unwrap_err();
    assert!(matches!(
        refused,
        ArchiveError::Tar(CorruptDataError::TooShort { .. })
    ));
}

#[test]
fn a_name_that_leaves_the_archive_or_cannot_be_printed_is_refused() {
    for name in [
        "/a", "../a", "a/../b", "a/./b", "a//b", "a/", "", ".", "a\nb",
    ] {
        assert_eq!(fault(plain(name, FILE)), Some(Fault::Name), "{name:?}");
    }
    let no_text = header("a", FILE, 0, |header| header.as_old_mut().name[1] = 0xff);
    assert_eq!(fault((no_text, b"")), Some(Fault::Name));
    let prefixed = header("a", FILE, 0, |header| {
        header.as_ustar_mut().unwrap().prefix[0] = b'p';
    });
    assert_eq!(fault((prefixed, b"")), Some(Fault::Name));
    let longest = "n".repeat(100);
    assert_eq!(fault(plain(&longest, FILE)), None);
}

#[test]
fn names_ascend_each_once() {
    for names in [["b", "a"], ["a", "a"]] {
        let bytes = tar(&names.map(|name| plain(name, FILE)));
        let (block, fault) = (1, Fault::Order);
        let expected = ArchiveError::Entry { block, fault };
        assert_eq!(Archive::new(&bytes).unwrap_err(), expected);
    }
}

#[test]
fn what_is_neither_file_nor_folder_nor_link_is_refused() {
    for kind in [
        EntryType::Fifo,
        EntryType::Char,
        EntryType::Link,
        EntryType::XHeader,
    ] {
        assert_eq!(fault(plain("a", kind)), Some(Fault::Kind), "{kind:?}");
    }
    let nowhere = plain("a", EntryType::Symlink);
    assert_eq!(fault(nowhere), Some(Fault::Target));
}

#[test]
fn a_size_past_the_end_is_not_believed() {
    for size in [1, 512, 1 << 20, 0o77_777_777_777] {
        let header = header("a", FILE, size, |_| ());
        let mut bytes = tar(&[(header, b"")]);
        bytes.truncate(512);
        bytes.resize(1536, 0);
        let is_refused = Archive::new(&bytes).is_err();
        assert!(is_refused, "{size}");
    }
    let negative = header("a", FILE, 0, |header| {
        header.as_old_mut().size[..3].copy_from_slice(b"-10");
    });
    let refused = Archive::new(&tar(&[(negative, b"")])).unwrap_err();
    assert!(
        refused.to_string().contains("invalid payload size"),
        "{refused}"
    );
}

#[test]
fn every_truncated_archive_is_refused_with_a_sentence() {
    let bytes = example();
    let entries_end = bytes.len() - 1024;
    for length in 0..entries_end + 1024 {
        let refused = Archive::new(&bytes[..length]).unwrap_err();
        let words = refused.to_string();
        assert!(
            words.starts_with("the archive of files is damaged: "),
            "{words}"
        );
    }
}

/// What `blocks_to_next` leads to from the first block on, and nothing else of the archive.
fn headers_alone(bytes: &[u8]) -> Vec<u8> {
    let mut alone = vec![0; bytes.len()];
    let mut start = 0;
    while let Some(header) = bytes.get(start..).and_then(<[u8]>::first_chunk) {
        alone[start..start + BLOCK].copy_from_slice(header);
        match blocks_to_next(header) {
            Some(blocks) => start = start.saturating_add(blocks.saturating_mul(BLOCK)),
            None => break,
        }
    }
    alone
}

#[test]
fn the_headers_alone_tell_the_same_entries_and_of_the_contents_nothing_is_needed() {
    let bytes = example();
    let alone = headers_alone(&bytes);
    assert_ne!(alone, bytes);
    let (archive, all) = (Archive::new(&alone).unwrap(), Archive::new(&bytes).unwrap());
    assert_eq!(archive.entries().count(), 4);
    assert!(archive.entries().eq(all.entries()));
}

/// Reads all that an archive says.
fn read_through(archive: &Archive<'_>, bytes: &[u8]) {
    let mut last = "";
    for entry in archive.entries() {
        assert!(entry.name > last && !entry.name.contains(char::is_control));
        assert_eq!(entry.mode & !0o777, 0);
        assert_eq!(archive.find(entry.name), Some(entry));
        if let Kind::File(place) = entry.kind {
            assert!(place.start % BLOCK == 0 && place.range().end <= bytes.len());
        }
        last = entry.name;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn a_damaged_archive_does_no_harm(
        damage in prop::collection::vec((0_usize..4096, any::<u8>()), 1..8),
        is_summed in any::<bool>(),
    ) {
        let mut bytes = example();
        let length = bytes.len();
        for (at, byte) in damage {
            bytes[at % length] = byte;
        }
        if is_summed {
            sum_again(&mut bytes);
        }
        let archive = Archive::new(&bytes);
        // The way from header to header is the same for both, or the disk would hide files.
        if let Ok(archive) = &archive {
            let alone = headers_alone(&bytes);
            let alone = Archive::new(&alone).unwrap();
            prop_assert!(alone.entries().eq(archive.entries()));
        }
        if let Ok(archive) = archive {
            read_through(&archive, &bytes);
        }
    }
}

/// Makes the checksum of every block right that could be a header, so that damage gets past it.
fn sum_again(bytes: &mut [u8]) {
    for block in bytes.chunks_exact_mut(512) {
        if block.iter().any(|byte| *byte != 0) {
            block[148..156].fill(b' ');
            let sum: u64 = block.iter().map(|&byte| u64::from(byte)).sum();
            block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
    }
}
