//! Paths lead where they lead on Linux, and nowhere else.

use archive::{Archive, Entry, Kind, LastLink, PathError};
use proptest::prelude::*;
use tar::{Builder, EntryType, Header};

/// An archive with folders `a` and `a/b`, files `a/file` and `a/b/deep`, and links;
/// and with a file whose name stands between the folder `a` and what lies in it.
fn example() -> Vec<u8> {
    let entries = [
        ("a", EntryType::Directory, ""),
        ("a-file", EntryType::Regular, ""),
        ("a/b", EntryType::Directory, ""),
        ("a/b/deep", EntryType::Regular, ""),
        ("a/b/up", EntryType::Symlink, "../file"),
        ("a/file", EntryType::Regular, ""),
        ("absolute", EntryType::Symlink, "/a/b"),
        ("astray", EntryType::Symlink, "nowhere"),
        ("self", EntryType::Symlink, "self"),
    ];
    let mut tar = Builder::new(Vec::new());
    for (name, kind, target) in entries {
        let mut header = Header::new_ustar();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.as_old_mut().linkname[..target.len()].copy_from_slice(target.as_bytes());
        header.set_entry_type(kind);
        header.set_mode(0o755);
        header.set_size(0);
        header.set_cksum();
        tar.append(&header, &[][..]).unwrap();
    }
    tar.into_inner().unwrap()
}

/// The name of what a path leads to, from this folder.
fn lead(folder: &str, path: &str, last: LastLink) -> Result<String, PathError> {
    let bytes = example();
    let archive = Archive::new(&bytes).unwrap();
    let folder = archive.find(folder).unwrap_or(Entry::ROOT);
    let entry = archive.resolve(folder, path.as_bytes(), last)?;
    Ok(entry.name.to_owned())
}

fn follow(path: &str) -> Result<String, PathError> {
    lead("", path, LastLink::Follow)
}

fn name(name: &str) -> Result<String, PathError> {
    Ok(name.to_owned())
}

#[test]
fn dots_and_doubled_slashes_are_walked() {
    for path in [
        "/a/file",
        "a/file",
        "//a///file",
        "./a/./b/../file",
        "/../../a/file",
    ] {
        assert_eq!(follow(path), name("a/file"), "{path}");
    }
    assert_eq!(follow("a/../a-file"), name("a-file"));
    for path in ["/", ".", "..", "/a/..", "a/b/../.."] {
        assert_eq!(follow(path), name(""), "{path}");
    }
    assert_eq!(follow("a/b/"), name("a/b"));
    assert_eq!(lead("a/b", "deep", LastLink::Follow), name("a/b/deep"));
    assert_eq!(lead("a/b", "../file", LastLink::Follow), name("a/file"));
    assert_eq!(lead("a/b", "/a", LastLink::Follow), name("a"));
}

#[test]
fn a_link_leads_on_from_the_folder_that_it_lies_in() {
    assert_eq!(follow("a/b/up"), name("a/file"));
    assert_eq!(follow("absolute/up"), name("a/file"));
    assert_eq!(follow("absolute"), name("a/b"));
    assert_eq!(lead("", "absolute", LastLink::Keep), name("absolute"));
    assert_eq!(lead("", "absolute/", LastLink::Keep), name("a/b"));
    assert_eq!(lead("", "absolute/up", LastLink::Keep), name("a/b/up"));
}

#[test]
fn what_is_not_there_is_named_by_what_is_missing() {
    assert_eq!(follow(""), Err(PathError::NoFolder));
    assert_eq!(follow("none"), Err(PathError::NoEntry));
    assert_eq!(follow("astray"), Err(PathError::NoEntry));
    assert_eq!(follow("none/file"), Err(PathError::NoFolder));
    for path in ["a/file/", "a/file/.", "a/file/..", "a/file/x", "a/b/up/"] {
        assert_eq!(follow(path), Err(PathError::NotFolder), "{path}");
    }
}

#[test]
fn loops_and_long_names_end() {
    assert_eq!(follow("self"), Err(PathError::TooManyLinks));
    assert_eq!(lead("", "self", LastLink::Keep), name("self"));
    assert_eq!(follow(&"x".repeat(255)), Err(PathError::NoEntry));
    assert_eq!(follow(&"x".repeat(256)), Err(PathError::TooLong));
    assert_eq!(follow(&"/".repeat(4095)), name(""));
    assert_eq!(follow(&"/".repeat(4096)), Err(PathError::TooLong));
}

#[test]
fn every_entry_has_a_number_of_its_own() {
    let bytes = example();
    let archive = Archive::new(&bytes).unwrap();
    let mut numbers: Vec<_> = archive.entries().map(|it| archive.number_of(it)).collect();
    numbers.push(archive.number_of(Entry::ROOT));
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(1..=10));
}

proptest! {
    #[test]
    fn no_path_ends_at_a_link_that_is_to_be_followed(
        parts in prop::collection::vec("(a|b|file|deep|up|absolute|self|\\.|\\.\\.|)", 0..12)
    ) {
        let bytes = example();
        let archive = Archive::new(&bytes).unwrap();
        let path = parts.join("/");
        if let Ok(entry) = archive.resolve(Entry::ROOT, path.as_bytes(), LastLink::Follow) {
            prop_assert!(!matches!(entry.kind, Kind::Link(_)));
        }
    }
}
