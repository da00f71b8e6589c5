//! The disks of the machine besides the one that it boots from: files of this run.
//!
//! The guest knows each by its serial number. Nothing of them outlives the run,
//! so QEMU need not bring them to the host's disk; and an error of the host is
//! reported to the guest, which would be stopped otherwise. Requests that are to fail are
//! QEMU's affair: the rules of its driver `blkdebug` lie in a file of this run, too.

use std::fmt::{Display, Write as _};
use std::fs::{self, File};
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
    /// The file of the rules by which its requests fail, if some do
    pub failures: Option<PathBuf>,
}

impl Disk {
    /// QEMU's drive, but for where its bytes are.
    #[must_use]
    pub fn drive(&self) -> String {
        let Self { serial, .. } = self;
        let rights = if self.read_only { ",readonly=on" } else { "" };
        format!("if=none,id={serial},format=raw,cache=unsafe,werror=report,rerror=report{rights}")
    }

    /// Where they are: the names of options, and the path of a file for each.
    #[must_use]
    pub fn files(&self) -> Vec<(&'static str, &Path)> {
        match &self.failures {
            None => vec![("file", &self.path)],
            Some(rules) => vec![
                ("file.driver=blkdebug,file.config", rules),
                ("file.image.driver=file,file.image.filename", &self.path),
            ],
        }
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
            failures: None,
        });
    }
    let files = files(scratch);
    if options.files_disk && files.path.exists() {
        disks.push(files);
    }
    if let Some(every) = options.fail_every {
        let path = scratch.join("failures.conf");
        fs::write(&path, failures(every)).context("the rules of failures cannot be written")?;
        for disk in &mut disks {
            disk.failures = Some(path.clone());
        }
    }
    Ok(disks)
}

/// Rules for QEMU's driver `blkdebug` by which each `every`th request fails: its state is the
/// number of the next one, from 1 on.
fn failures(every: u64) -> String {
    /// Nothing lies there. A rule that was met holds until another one is.
    const NO_SECTOR: u64 = 1 << 40;
    let mut rules = String::new();
    let mut rule = |kind: &str, values: &[(&str, &dyn Display)]| {
        let values = values.iter();
        let values: String = values
            .map(|(name, value)| format!("{name} = \"{value}\"\n"))
            .collect();
        writeln!(rules, "[{kind}]\n{values}").expect("a string takes all");
    };
    for event in ["read_aio", "write_aio"] {
        rule("inject-error", &[("event", &event), ("sector", &NO_SECTOR)]);
        rule("inject-error", &[("event", &event), ("state", &every)]);
        for state in 1..=every {
            let next = state % every + 1;
            let values: [(&str, &dyn Display); 3] =
                [("event", &event), ("state", &state), ("new_state", &next)];
            rule("set-state", &values);
        }
    }
    rules
}

fn files(scratch: &Path) -> Disk {
    Disk {
        serial: "files",
        path: scratch.join("files.img"),
        read_only: true,
        failures: None,
    }
}

#[cfg(test)]
mod tests {
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
    fn every_third_request_fails_and_each_of_the_others_counts() {
        let scratch = tempfile::tempdir().unwrap();
        let words = ["--swap", "8K", "--fail-every", "3"];
        let disks = of(&options(&words), scratch.path()).unwrap();
        let rules = disks[0].failures.as_ref().unwrap();
        assert_eq!(disks[0].files()[0].1, rules);
        let rules = fs::read_to_string(rules).unwrap();
        let next = |event, state, next| {
            format!(
                "[set-state]\nevent = \"{event}\"\nstate = \"{state}\"\nnew_state = \"{next}\"\n"
            )
        };
        for event in ["read_aio", "write_aio"] {
            for (state, then) in [(1, 2), (2, 3), (3, 1)] {
                assert!(rules.contains(&next(event, state, then)), "{rules}");
            }
            let fails = format!("[inject-error]\nevent = \"{event}\"\nstate = \"3\"\n");
            assert_eq!(rules.matches(&fails).count(), 1, "{rules}");
        }
        assert_eq!(rules.matches("[inject-error]").count(), 4, "{rules}");
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
