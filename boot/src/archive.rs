//! The archive of files that the guest finds in its memory: a tar file in the
//! `ustar` format, handed to the boot loader as its ramdisk.
//!
//! The same files always give the same bytes: names are sorted, and nothing of
//! the host goes in but names, contents and the right to execute. A folder has
//! an entry before all that lies in it. What does not fit is refused, never
//! left out.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Error, Result, anyhow, bail};
use tar::{Builder, EntryType, Header};

/// The longest name of an entry, in bytes; of a folder one less, for its slash.
pub const LONGEST_NAME: usize = 100;

/// The largest archive, in bytes: the boot loader keeps it below the devices' addresses.
pub const LARGEST: usize = 1 << 30;

/// All that lies in `folder`, whatever its depth: the name in the archive, and the path here.
///
/// # Errors
/// A folder that cannot be read, or a name that is no UTF-8.
pub fn files_of(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    let mut folders = vec![(String::new(), folder.to_owned())];
    while let Some((prefix, folder)) = folders.pop() {
        let unreadable = || format!("{} cannot be read", folder.display());
        for entry in fs::read_dir(&folder).with_context(unreadable)? {
            let entry = entry.with_context(unreadable)?;
            let path = entry.path();
            let name = entry.file_name().into_string().map_err(|_| {
                anyhow!(
                    "{} cannot go into the archive: its name is no UTF-8",
                    path.display()
                )
            })?;
            let name = format!("{prefix}{name}");
            if entry.file_type().with_context(unreadable)?.is_dir() {
                folders.push((format!("{name}/"), path.clone()));
            }
            found.push((name, path));
        }
    }
    Ok(found)
}

/// The archive of `entries`, each its name there (folders parted by `/`) and its path here, and of
/// the folders that these lie in. A symbolic link stays one.
///
/// # Errors
/// One line: an entry that cannot be read or does not fit, or two of the same name.
pub fn pack(entries: Vec<(String, PathBuf)>) -> Result<Vec<u8>> {
    let mut sources = BTreeMap::new();
    for (name, path) in entries {
        let source = Source::of(&path)
            .with_context(|| format!("{} cannot go into the archive", path.display()))?;
        for (end, _) in name.match_indices('/') {
            insert(&mut sources, &name[..end], Source::Folder)?;
        }
        insert(&mut sources, &name, source)?;
    }
    let mut archive = Builder::new(Vec::new());
    for (name, source) in sources {
        append(&mut archive, &name, &source)
            .with_context(|| format!("{name} cannot go into the archive"))?;
        if archive.get_ref().len() > LARGEST {
            return Err(too_large());
        }
    }
    Ok(archive.into_inner()?)
}

fn too_large() -> Error {
    anyhow!("the archive of files would have more than {LARGEST} bytes")
}

/// What an entry is.
#[derive(Debug, PartialEq, Eq)]
enum Source {
    Folder,
    File { path: PathBuf, mode: u32 },
    Link { target: PathBuf },
}

impl Source {
    fn of(path: &Path) -> Result<Self> {
        let metadata: Metadata = fs::symlink_metadata(path)?;
        Ok(if metadata.is_dir() {
            Self::Folder
        } else if metadata.is_symlink() {
            let target = fs::read_link(path)?;
            Self::Link { target }
        } else if metadata.is_file() {
            if metadata.len() > LARGEST as u64 {
                return Err(too_large());
            }
            let is_executable = metadata.permissions().mode() & 0o111 != 0;
            let mode = if is_executable { 0o755 } else { 0o644 };
            let path = path.to_owned();
            Self::File { path, mode }
        } else {
            bail!("it is neither a file, nor a folder, nor a symbolic link")
        })
    }
}

/// A folder may come several times, anything else once.
fn insert(sources: &mut BTreeMap<String, Source>, name: &str, source: Source) -> Result<()> {
    let is_folder = source == Source::Folder;
    match sources.insert(name.to_owned(), source) {
        None => Ok(()),
        Some(Source::Folder) if is_folder => Ok(()),
        Some(_) => bail!("two entries of the archive would be called {name}: rename one"),
    }
}

fn append(archive: &mut Builder<Vec<u8>>, name: &str, source: &Source) -> Result<()> {
    let mut header = Header::new_ustar();
    match source {
        Source::Folder => {
            set_name(&mut header, &format!("{name}/"))?;
            header.set_entry_type(EntryType::Directory);
            header.set_mode(0o755);
            finish(archive, header, &[])
        }
        Source::File { path, mode } => {
            set_name(&mut header, name)?;
            header.set_entry_type(EntryType::Regular);
            header.set_mode(*mode);
            finish(archive, header, &fs::read(path)?)
        }
        Source::Link { target } => {
            set_name(&mut header, name)?;
            header.set_entry_type(EntryType::Symlink);
            header.set_mode(0o777);
            let target = target
                .to_str()
                .context("what the link points to is no UTF-8")?;
            check_text(target)?;
            header.set_link_name_literal(target)?;
            finish(archive, header, &[])
        }
    }
}

/// Names the entry, in the one field that the guest reads.
fn set_name(header: &mut Header, name: &str) -> Result<()> {
    check_text(name)?;
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    Ok(())
}

/// Refuses a name or a link's target that does not fit.
fn check_text(text: &str) -> Result<()> {
    if text.len() > LONGEST_NAME {
        bail!(
            "{text} has {} bytes, and a name has at most {LONGEST_NAME}",
            text.len()
        );
    }
    if text.chars().any(char::is_control) {
        bail!("{text:?} holds a control character");
    }
    Ok(())
}

fn finish(archive: &mut Builder<Vec<u8>>, mut header: Header, bytes: &[u8]) -> Result<()> {
    header.set_size(bytes.len() as u64);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header.set_cksum();
    Ok(archive.append(&header, bytes)?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use ::archive::{Archive, Kind, Place};
    use tempfile::TempDir;

    use super::*;

    /// A folder with these files, and folders on the way to them.
    fn folder(files: &[(&str, &str)]) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, contents) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, contents).unwrap();
        }
        folder
    }

    fn packed(folder: &Path) -> Result<Vec<u8>> {
        pack(files_of(folder)?)
    }

    fn refusal(folder: &Path) -> String {
        format!("{:#}", packed(folder).unwrap_err())
    }

    #[test]
    fn what_is_packed_is_what_the_guest_reads() {
        let longest = "n".repeat(LONGEST_NAME);
        let folder = folder(&[("b/two", "22"), ("b-c", "3"), (&longest, ""), ("a", "1")]);
        fs::create_dir(folder.path().join("empty")).unwrap();
        symlink("/b/two", folder.path().join("link")).unwrap();
        let program = folder.path().join("a");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o710)).unwrap();
        let bytes = packed(folder.path()).unwrap();
        let archive = Archive::new(&bytes).unwrap();
        let entries: Vec<_> = archive.entries().collect();
        let found: Vec<_> = entries.iter().map(|e| (e.name, e.mode, e.kind)).collect();
        let contents = entries.iter().filter_map(|entry| match entry.kind {
            Kind::File(place) => Some(&bytes[place.range()]),
            Kind::Folder | Kind::Link(_) => None,
        });
        assert!(contents.eq([&b"1"[..], b"3", b"22", b""]));
        // A header has 512 bytes, and contents are filled up to so many.
        let file = |block: usize, size| {
            Kind::File(Place {
                start: 512 * block,
                size,
            })
        };
        assert_eq!(
            found,
            [
                ("a", 0o755, file(1, 1)),
                ("b", 0o755, Kind::Folder),
                ("b-c", 0o644, file(4, 1)),
                ("b/two", 0o644, file(6, 2)),
                ("empty", 0o755, Kind::Folder),
                ("link", 0o777, Kind::Link("/b/two")),
                (longest.as_str(), 0o644, file(10, 0)),
            ]
        );
    }

    #[test]
    fn the_same_files_give_the_same_bytes_whatever_their_age_and_order() {
        let files = [("a", "1"), ("b/c", "2"), ("b/d", "3")];
        let first = packed(folder(&files).path()).unwrap();
        let mut turned = files;
        turned.reverse();
        assert_eq!(packed(folder(&turned).path()).unwrap(), first);
    }

    #[test]
    fn an_entry_brings_the_folders_that_it_lies_in() {
        let folder = folder(&[("program", "1")]);
        let program = folder.path().join("program");
        let bytes = pack(vec![("bin/more/p".to_owned(), program)]).unwrap();
        let archive = Archive::new(&bytes).unwrap();
        let names: Vec<_> = archive.entries().map(|entry| entry.name).collect();
        assert_eq!(names, ["bin", "bin/more", "bin/more/p"]);
    }

    #[test]
    fn two_entries_of_one_name_are_refused() {
        let folder = folder(&[("bin/p", "1"), ("file", "2")]);
        let file = folder.path().join("file");
        for name in ["bin/p", "bin", "file/p"] {
            let mut entries = files_of(folder.path()).unwrap();
            entries.push((name.to_owned(), file.clone()));
            let words = format!("{:#}", pack(entries).unwrap_err());
            assert!(words.contains("two entries of the archive"), "{words}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_by_name() {
        let long = format!("{}/{}", "f".repeat(50), "n".repeat(50));
        let words = refusal(folder(&[(&long, "")]).path());
        assert!(words.contains("nnn has 101 bytes"), "{words}");
        let words = refusal(folder(&[("a\nb", "")]).path());
        assert!(words.contains("\"a\\nb\" holds a control"), "{words}");
        let link = folder(&[]);
        symlink("t".repeat(101), link.path().join("l")).unwrap();
        let words = refusal(link.path());
        assert!(words.starts_with("l cannot go into"), "{words}");
        let socket = folder(&[]);
        let path = socket.path().join("s");
        let _listener = std::os::unix::net::UnixListener::bind(path).unwrap();
        let words = refusal(socket.path());
        assert!(words.contains("/s cannot go into"), "{words}");
        let words = refusal(Path::new("/no/such/folder"));
        assert!(words.contains("/no/such/folder cannot be read"), "{words}");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_name_that_is_no_utf_8_is_refused() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt as _;

        let folder = folder(&[]);
        fs::write(folder.path().join(OsStr::from_bytes(b"\xff")), "").unwrap();
        let words = refusal(folder.path());
        assert!(words.contains("its name is no UTF-8"), "{words}");
    }

    #[test]
    fn a_file_that_the_loader_has_no_room_for_is_not_read() {
        let folder = folder(&[("huge", "")]);
        let huge = fs::File::create(folder.path().join("huge")).unwrap();
        huge.set_len(LARGEST as u64 + 1).unwrap();
        let words = refusal(folder.path());
        assert!(words.contains("more than 1073741824 bytes"), "{words}");
    }
}
