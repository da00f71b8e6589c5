//! The command line of `boot`, as cargo and people write it.
//!
//! cargo puts the kernel's path first; what the user typed after `--` follows,
//! so the options of Rust's own test harness that people type from habit are
//! understood here too. Nothing is started before [`Options::check`] has passed.

mod check;
mod size;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use clap::{Parser, ValueEnum};

pub use check::{LEAST_MEMORY_BIOS, LEAST_MEMORY_UEFI};
pub use size::{format_memory, parse_memory};

/// Seconds a test kernel may take when `--timeout` is not given.
pub const TEST_TIMEOUT: u64 = 120;

// Under these titles `--help` lists the options.
const GUEST: &str = "The guest";
const MACHINE: &str = "The machine";
const RUN: &str = "The run";
const TESTS: &str = "Test kernels";

/// QEMU's machine types that the boot chain is tested on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MachineType {
    /// The newer chipset: PCI Express and AHCI; the boot loader reads its disk faster
    Q35,
    /// The chipset of 1996: PCI and IDE
    Pc,
}

impl MachineType {
    /// What QEMU calls it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Q35 => "q35",
            Self::Pc => "pc",
        }
    }
}

/// How the names of tests are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ListFormat {
    /// The names, and how many there are
    Pretty,
    /// The names alone, as `cargo nextest` asks for them
    Terse,
}

/// Makes a disk image of a kernel and starts it in QEMU.
///
/// The guest's serial port is standard input and output; everything that boot
/// and QEMU say themselves goes to standard error. On a terminal every key goes
/// to the guest, which edits its own lines: Ctrl-C drops the line or ends the
/// command that runs, Ctrl-C twice within a second ends QEMU, and Ctrl-D on an
/// empty line powers off. From a file or a pipe the input is a script, after
/// which the machine powers off; in the end boot says how many of its commands
/// were refused.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "boot",
    override_usage = "cargo run -- [OPTIONS]\n       cargo test [FILTER] -- [OPTIONS]",
    after_help = "Exit status: 0 success, 1 to 63 the guest's `exit n`, 1 a script whose last command was refused,\n\
                  or that --stop-on-error stopped, 101 panic, failed test or worse figure,\n\
                  102 refused fault, 124 timeout, 125 failure of boot or QEMU, 134 reset (triple fault),\n\
                  128 + n ended by signal n. With --run: the program's status, or 128 + n if signal n killed it."
)]
pub struct Options {
    /// The kernel's ELF file; cargo fills it in
    #[arg(hide = true)]
    pub kernel: PathBuf,

    /// Of a test kernel, run only the tests whose name contains this
    pub filter: Option<String>,

    /// Start at the prompt, without the guided tour
    #[arg(help_heading = GUEST, long, conflicts_with = "tour")]
    pub no_tour: bool,

    /// Give this tour before the prompt instead of the usual one; `tour` at the prompt lists them
    #[arg(help_heading = GUEST, long, value_name = "NAME")]
    pub tour: Option<String>,

    /// Type these commands at the prompt, `;` between them, before standard input; may be given several times
    #[arg(help_heading = GUEST, long, value_name = "COMMANDS", allow_hyphen_values = true)]
    pub after: Vec<String>,

    /// Run this program of the archive, with its arguments, instead of reading standard input, and end with its status; opens no window
    #[arg(help_heading = GUEST, long, value_name = "PROGRAM ARGS",
          conflicts_with_all = ["tour", "monitor_script", "screenshot", "bench_guest"])]
    pub run: Option<String>,

    /// Type this file at the prompt instead of standard input
    #[arg(help_heading = GUEST, long, value_name = "FILE")]
    pub monitor_script: Option<PathBuf>,

    /// Type nothing more after the first command that is refused, and end with status 1
    #[arg(help_heading = GUEST, long)]
    pub stop_on_error: bool,

    /// Take a picture (PNG) of the screen after the commands of --after, and power off; opens no window
    #[arg(help_heading = GUEST, long, value_name = "FILE", conflicts_with = "monitor_script")]
    pub screenshot: Option<PathBuf>,

    /// Show QEMU's own view of the low half (info mem, info tlb) whenever a line that was typed has changed it
    #[arg(help_heading = GUEST, long)]
    pub trace_qemu: bool,

    /// Let the guest measure itself in instructions (-icount), and power off; opens no window
    #[arg(help_heading = GUEST, long, conflicts_with_all = ["monitor_script", "screenshot", "after"])]
    pub bench_guest: bool,

    /// Pack this folder into the archive of files that the guest has; `files` at the prompt lists it
    #[arg(help_heading = GUEST, long, value_name = "DIR")]
    pub files: Option<PathBuf>,

    /// Hand the archive of files over as a disk instead of in memory: pages are read when they are needed
    #[arg(help_heading = GUEST, long, conflicts_with = "image_only")]
    pub files_disk: bool,

    /// Give each heap block pages of its own, so that an access past its end faults and is reported
    #[arg(help_heading = GUEST, long)]
    pub heap_guard: bool,

    /// Measure on machines of several sizes, and compare with the figures in this file; one that is gone, or more than 2 % worse, is status 101
    #[arg(help_heading = GUEST, long, value_name = "FILE", requires = "bench_guest")]
    pub compare: Option<PathBuf>,

    /// Write the figures into the file of --compare instead
    #[arg(help_heading = GUEST, long, requires = "compare")]
    pub update: bool,

    /// More options for the guest: words `key` or `key=value` between spaces
    #[arg(help_heading = GUEST, long, value_name = "TEXT")]
    pub cmdline: Option<String>,

    /// Open no window; the serial port stays on the terminal
    #[arg(help_heading = MACHINE, long)]
    pub headless: bool,

    /// The machine's memory, with K, M or G (1024 each); at least 24M, with --uefi 64M
    #[arg(help_heading = MACHINE, long, value_name = "SIZE", default_value = "128M", value_parser = parse_memory)]
    pub memory: u64,

    /// A second disk of this size, for pages that lose their frames; with K, M or G, a multiple of 4K
    #[arg(help_heading = MACHINE, long, value_name = "SIZE", value_parser = parse_memory, overrides_with = "swap")]
    pub swap: Option<u64>,

    /// Let each Nth request of every disk fail, as one that is bad does: of those of --swap and --files-disk
    #[arg(help_heading = MACHINE, long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub fail_every: Option<u64>,

    /// Start through UEFI (OVMF) instead of BIOS
    #[arg(help_heading = MACHINE, long)]
    pub uefi: bool,

    /// The UEFI firmware: a code file with its variables beside it, a file with both, or a folder of them
    #[arg(help_heading = MACHINE, long, value_name = "PATH", requires = "uefi")]
    pub ovmf: Option<PathBuf>,

    /// The chipset
    #[arg(help_heading = MACHINE, long, value_enum, default_value = "q35")]
    pub machine: MachineType,

    /// The processor: max offers all that the accelerator can do, qemu64 is a plain early one; `help` lists all
    #[arg(help_heading = MACHINE, long, value_name = "MODEL", default_value = "max")]
    pub cpu: String,

    /// What runs the guest's instructions: tcg (emulation, everywhere the same), kvm, hvf
    #[arg(help_heading = MACHINE, long, value_name = "NAME", default_value = "tcg")]
    pub accel: String,

    /// One more argument for QEMU; may be given several times
    #[arg(help_heading = MACHINE, long, value_name = "ARG", allow_hyphen_values = true)]
    pub qemu_arg: Vec<String>,

    /// End after so many seconds with status 124 [default: none; 120 for a test kernel]
    #[arg(help_heading = RUN, long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub timeout: Option<u64>,

    /// Write the disk image, print its path, and do not start QEMU
    #[arg(help_heading = RUN, long)]
    pub image_only: bool,

    /// Stop before the first instruction, wait for gdb on port 1234, and print the gdb command to type
    #[arg(help_heading = RUN, long)]
    pub gdb: bool,

    /// Say nothing but errors; the guest's output stays whole
    #[arg(help_heading = RUN, long, short)]
    pub quiet: bool,

    /// Of a test kernel, run only the test with exactly the filter's name
    #[arg(help_heading = TESTS, long, requires = "filter")]
    pub exact: bool,

    /// Of a test kernel, print the names of the tests and boot nothing
    #[arg(help_heading = TESTS, long)]
    pub list: bool,

    /// How --list prints them: with their number, or the names alone
    #[arg(help_heading = TESTS, long, value_enum, default_value = "pretty")]
    pub format: ListFormat,

    /// Of a test kernel, only the tests that are marked as ignored: none is
    #[arg(help_heading = TESTS, long)]
    pub ignored: bool,

    /// Understood and without effect: no test is marked as ignored
    #[arg(help_heading = TESTS, long, conflicts_with = "ignored")]
    pub include_ignored: bool,

    /// Understood and without effect: a guest's output is never captured
    #[arg(help_heading = TESTS, long, aliases = ["show-output", "no-capture"], overrides_with = "nocapture")]
    pub nocapture: bool,

    /// Understood and without effect: a guest's tests run one after the other
    #[arg(help_heading = TESTS, long, value_name = "N")]
    pub test_threads: Option<u64>,

    /// What `cargo bench` adds; answered with the commands that measure
    #[arg(long, hide = true)]
    pub bench: bool,
}

impl Options {
    /// Whether the kernel is a test kernel: cargo puts those into the folder `deps`.
    #[must_use]
    pub fn is_test(&self) -> bool {
        let folder = self.kernel.parent().and_then(Path::file_name);
        folder.is_some_and(|name| name == "deps")
    }

    /// Whether no window is wanted.
    #[must_use]
    pub fn is_headless(&self) -> bool {
        self.headless
            || self.is_test()
            || self.screenshot.is_some()
            || self.bench_guest
            || self.run.is_some()
    }

    /// After how many seconds QEMU is ended, if at all. A machine that waits for gdb has time.
    #[must_use]
    pub fn timeout_seconds(&self) -> Option<u64> {
        let default = (self.is_test() && !self.gdb).then_some(TEST_TIMEOUT);
        self.timeout.or(default)
    }

    /// The kernel's name as people know it: without folder, and without cargo's hash for a test.
    #[must_use]
    pub fn kernel_name(&self) -> String {
        let name = self.kernel.file_name().unwrap_or_default();
        let name = name.to_string_lossy();
        match name.rsplit_once('-') {
            Some((name, _hash)) if self.is_test() => name.to_owned(),
            _ => name.into_owned(),
        }
    }
}
