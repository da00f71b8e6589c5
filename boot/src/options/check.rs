//! What of a command line is refused, before anything is made or started.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use clap::CommandFactory as _;

use super::{Options, format_memory};

/// With less the boot loader hangs on BIOS.
pub const LEAST_MEMORY_BIOS: u64 = 24 << 20;
/// With less OVMF does not reach the boot loader.
pub const LEAST_MEMORY_UEFI: u64 = 64 << 20;
/// An archive of so many bytes has room in the least memory: that of the programs has.
const LEAST_ARCHIVE: u64 = 1 << 20;
/// Bytes of a page, which is what a swap disk holds.
const PAGE: u64 = 4096;

impl Options {
    /// Refuses what cannot work, before anything is made or started.
    ///
    /// # Errors
    /// One line: what was asked for, and what would be right.
    pub fn check(&self) -> Result<()> {
        if self.bench {
            bail!(
                "`cargo bench` would boot the kernel, which has no benchmarks of that kind: \
                 use `cargo host-bench` for the memory library, or `cargo kernel-bench` for the kernel"
            );
        }
        let (least, firmware) = self.least_memory();
        if self.memory < least {
            bail!(
                "--memory {} is too little: the boot loader needs at least {} on {firmware}",
                format_memory(self.memory),
                format_memory(least)
            );
        }
        if let Some(bytes) = self.swap
            && (bytes == 0 || !bytes.is_multiple_of(PAGE))
        {
            bail!(
                "--swap {}: pages have 4K, so take a multiple of that, and at least one",
                format_memory(bytes)
            );
        }
        if self.fail_every.is_some() && self.swap.is_none() && !self.files_disk {
            bail!(
                "--fail-every needs a disk whose requests can fail: add --swap SIZE or --files-disk"
            );
        }
        if self.is_test() {
            self.check_test()?;
        } else {
            self.check_no_test()?;
        }
        if self.bench_guest && self.accel != "tcg" {
            bail!(
                "--bench-guest counts the instructions that QEMU emulates: leave --accel {} out",
                self.accel
            );
        }
        if let Some(folder) = &self.files {
            check_folder(folder)?;
        }
        if !self.kernel.is_file() {
            bail!(
                "there is no kernel at {}: start boot through `cargo run` or `cargo test`, which build it",
                self.kernel.display()
            );
        }
        Ok(())
    }

    /// Refuses an archive of so many bytes that the machine has no room for: the boot loader would
    /// write it past the end of memory.
    ///
    /// # Errors
    /// One line: how much there is, and how much would do.
    pub fn check_archive(&self, bytes: usize) -> Result<()> {
        let (least, _) = self.least_memory();
        let further = (bytes as u64).saturating_sub(LEAST_ARCHIVE);
        let needed = least + further.next_multiple_of(1 << 20);
        if self.memory < needed {
            bail!(
                "the archive of files has {bytes} bytes, too many for --memory {}: {} would do",
                format_memory(self.memory),
                format_memory(needed)
            );
        }
        Ok(())
    }

    /// With less the boot loader does not get to the kernel; and on which firmware.
    const fn least_memory(&self) -> (u64, &'static str) {
        if self.uefi {
            (LEAST_MEMORY_UEFI, "UEFI")
        } else {
            (LEAST_MEMORY_BIOS, "BIOS")
        }
    }

    /// Refuses for a test kernel what only a prompt can take.
    fn check_test(&self) -> Result<()> {
        let typed = [
            ("--after", !self.after.is_empty()),
            ("--run", self.run.is_some()),
            ("--monitor-script", self.monitor_script.is_some()),
            ("--stop-on-error", self.stop_on_error),
            ("--screenshot", self.screenshot.is_some()),
            ("--trace-qemu", self.trace_qemu),
            ("--bench-guest", self.bench_guest),
            ("--tour", self.tour.is_some()),
            ("--no-tour", self.no_tour),
        ];
        if let Some((option, _)) = typed.iter().find(|(_, given)| *given) {
            bail!(
                "{option} needs a prompt, and a test kernel has none: use it with `cargo run -- {option}`"
            );
        }
        Ok(())
    }

    /// Refuses for the kernel itself what only a test kernel can take.
    fn check_no_test(&self) -> Result<()> {
        if let Some(word) = &self.filter {
            let known = Self::command()
                .get_arguments()
                .any(|option| option.get_long() == Some(word));
            if known {
                bail!("{word} alone means nothing: did you mean --{word}?");
            }
            bail!(
                "{word} means nothing: options begin with --, and the name of a test is for `cargo test {word}`"
            );
        }
        let asked = [("--list", self.list), ("--ignored", self.ignored)];
        if let Some((option, _)) = asked.iter().find(|(_, given)| *given) {
            bail!("{option} is for test kernels: use it with `cargo test -- {option}`");
        }
        Ok(())
    }
}

/// Refuses for `--files` what is no folder.
fn check_folder(folder: &Path) -> Result<()> {
    let named = || format!("--files {} cannot be read", folder.display());
    if !folder.metadata().with_context(named)?.is_dir() {
        bail!("--files {}: this is no folder; name one", folder.display());
    }
    Ok(())
}
