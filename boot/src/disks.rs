//! The disks of the machine besides the one that it boots from: files of this run.
//!
//! The guest knows each by its serial number. Nothing of them outlives the run,
//! so QEMU need not bring them to the host's disk; and an error of the host is
//! reported to the guest, which would be stopped otherwise.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::options::{Options, format_memory};

/// Bytes of a page: the guest reads and writes disks by pages.
const PAGE: usize = 4096;

/// A disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// By this it is known on both sides
    pub serial: &'static str,
    /// Its bytes
    pub path: PathBuf,
    /// Whether the guest may only read it
    pub read_only: bool,
}

impl Disk {
    /// QEMU's drive, as far as the path of its file, which comes next.
    #[must_use]
    pub fn drive(&self) -> String {
        let Self { serial, .. } = self;
        let rights = if self.read_only { "readonly=on," } else { "" };
        format!(
            "if=none,id={serial},format=raw,cache=unsafe,werror=report,rerror=report,{rights}file="
        )
    }

    /// QEMU's device for it. Merged with its neighbours, a request that fails would take them along.
    #[must_use]
    pub fn device(&self) -> String {
        let Self { serial, .. } = self;
        format!("virtio-blk-pci,drive={serial},serial={serial},request-merging=off")
    }
}

/// The disk of the archive of files, written to `scratch`.
///
/// # Errors
/// One line: it cannot be written.
pub fn write_files(archive: &[u8], scratch: &Path) -> Result<()> {
    let path = files(scratch).path;
    let failed = "the disk of the archive of files cannot be written";
    let mut file = File::create(path).context(failed)?;
    file.write_all(archive).context(failed)?;
    // The last page of a file may begin in the last page but one, and is read whole.
    let whole = archive.len().next_multiple_of(PAGE) + PAGE;
    file.set_len(whole as u64).context(failed)
}

/// The disks that `options` ask for; that of the files was written before.
///
/// # Errors
/// One line: the swap disk cannot be made.
pub fn of(options: &Options, scratch: &Path) -> Result<Vec<Disk>> {
    let mut disks = Vec::new();
    if let Some(bytes) = options.swap {
        let path = scratch.join("swap.img");
        // What was never written takes no room.
        File::create(&path)
            .and_then(|file| file.set_len(bytes))
            .with_context(|| {
                let folder = scratch.parent().unwrap_or(scratch).display();
                let size = format_memory(bytes);
                format!("no swap disk of {size} can be made in {folder}: take a smaller one")
            })?;
        disks.push(Disk {
            serial: "swap",
            path,
            read_only: false,
        });
    }
    let files = files(scratch);
    if options.files_disk && files.path.exists() {
        disks.push(files);
    }
    Ok(disks)
}

fn files(scratch: &Path) -> Disk {
    Disk {
        serial: "files",
        path: scratch.join("files.img"),
        read_only: true,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use clap::Parser as _;

    use super::*;

    fn options(words: &[&str]) -> Options {
        Options::parse_from(["boot", "kernel"].iter().chain(words))
    }

    #[test]
    fn a_swap_disk_is_new_and_zero_in_each_run() {
        let scratch = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            let disks = of(&options(&["--swap", "8K"]), scratch.path()).unwrap();
            assert_eq!((disks.len(), disks[0].serial), (1, "swap"));
            assert_eq!(fs::read(&disks[0].path).unwrap(), [0; 8192]);
            fs::write(&disks[0].path, [1; 8192]).unwrap();
        }
        assert_eq!(of(&options(&[]), scratch.path()).unwrap(), []);
    }

    #[test]
    fn the_disk_of_files_is_a_whole_number_of_pages_and_may_only_be_read() {
        let scratch = tempfile::tempdir().unwrap();
        write_files(&[7; 5000], scratch.path()).unwrap();
        assert_eq!(of(&options(&[]), scratch.path()).unwrap(), []);
        let disks = of(&options(&["--files-disk"]), scratch.path()).unwrap();
        assert_eq!((disks.len(), disks[0].read_only), (1, true));
        let bytes = fs::read(&disks[0].path).unwrap();
        assert_eq!((bytes.len(), bytes[4999], bytes[5000]), (3 * 4096, 7, 0));
    }

    #[test]
    fn a_swap_disk_that_the_host_cannot_make_is_refused_with_its_size() {
        let scratch = tempfile::tempdir().unwrap();
        let gone = scratch.path().join("gone");
        let error = of(&options(&["--swap", "1M"]), &gone).unwrap_err();
        let words = format!("{error:#}");
        assert!(
            words.starts_with("no swap disk of 1M can be made in "),
            "{words}"
        );
    }
}
