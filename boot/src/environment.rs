//! What a count of instructions depends on besides the code that is counted.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::machine::QEMU;
use crate::options::{Options, format_memory};
use crate::qemu::tied;

/// What figures were made with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// The compiler's version line
    pub compiler: String,
    /// The version of its LLVM
    pub llvm: String,
    /// The file of the `core` library, whose name has a hash that tells builds apart
    pub core: String,
    /// QEMU's version line
    pub qemu: String,
    /// cargo's profile
    pub profile: String,
    /// The processor that QEMU plays
    pub processor: String,
    /// The machine that it plays, and its firmware
    pub machine: String,
    /// The memory of that machine where nothing else is said
    pub memory: String,
}

impl Environment {
    /// Asks the compiler, its libraries and QEMU.
    ///
    /// # Errors
    /// One of them cannot be asked, or answers something else.
    pub fn of(options: &Options) -> Result<Self> {
        let rustc = said_by("rustc", &["-vV"])?;
        let (compiler, details) = rustc.split_once('\n').unwrap_or((&rustc, ""));
        let llvm = details
            .lines()
            .find_map(|line| line.strip_prefix("LLVM version: "))
            .context("`rustc -vV` does not say which LLVM it has")?;
        let root = said_by("rustc", &["--print", "sysroot"])?;
        let qemu = said_by(QEMU, &["--version"])?;
        let folder = options.kernel.parent().and_then(Path::file_name);
        let folder = folder.with_context(|| {
            format!("{} is in no folder of a profile", options.kernel.display())
        })?;
        let firmware = if options.uefi { "UEFI" } else { "BIOS" };
        Ok(Self {
            compiler: compiler.to_owned(),
            llvm: llvm.to_owned(),
            core: core_library(Path::new(root.trim()))?,
            qemu: qemu.lines().next().unwrap_or_default().to_owned(),
            profile: folder.to_string_lossy().into_owned(),
            processor: options.cpu.clone(),
            machine: format!("{} with {firmware}", options.machine.name()),
            memory: format_memory(options.memory),
        })
    }

    /// A line for each thing that `now` has differently.
    #[must_use]
    pub fn differences(&self, now: &Self) -> String {
        let pairs = [
            ("compiler", &self.compiler, &now.compiler),
            ("llvm", &self.llvm, &now.llvm),
            ("core", &self.core, &now.core),
            ("qemu", &self.qemu, &now.qemu),
            ("profile", &self.profile, &now.profile),
            ("processor", &self.processor, &now.processor),
            ("machine", &self.machine, &now.machine),
            ("memory", &self.memory, &now.memory),
        ];
        let mut text = String::new();
        for (what, before, now) in pairs {
            if before != now {
                _ = writeln!(text, "  {what}: {now} instead of {before}");
            }
        }
        text
    }
}

/// The name of the `core` library that kernels are linked with.
fn core_library(root: &Path) -> Result<String> {
    let folder = root.join("lib/rustlib/x86_64-unknown-none/lib");
    let files = fs::read_dir(&folder)
        .with_context(|| format!("there is no folder {}: run ./setup", folder.display()))?;
    let names = files.filter_map(|file| file.ok()?.file_name().into_string().ok());
    let mut cores: Vec<_> = names
        .filter(|name| name.starts_with("libcore-") && name.ends_with(".rlib"))
        .collect();
    let core = cores
        .pop()
        .with_context(|| format!("there is no `core` in {}: run ./setup", folder.display()))?;
    if !cores.is_empty() {
        bail!(
            "there are several builds of `core` in {}: leave one there",
            folder.display()
        );
    }
    Ok(core)
}

fn said_by(program: &str, arguments: &[&str]) -> Result<String> {
    let answer = tied(program)
        .args(arguments)
        .output()
        .with_context(|| format!("cannot start {program}"))?;
    if !answer.status.success() {
        bail!(
            "{program} {} failed: {}",
            arguments.join(" "),
            answer.status
        );
    }
    Ok(String::from_utf8_lossy(&answer.stdout).into_owned())
}
