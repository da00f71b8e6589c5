//! The programs of the package `programs`, which every kernel with a prompt has in its archive,
//! and those test kernels that ask for them: they are built together with `boot` (see `build.rs`).
//!
//! A test kernel asks for them in its manifest (see [`crate::manifest`]). All others boot a little sooner.

use std::collections::HashMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use object::read::elf::ElfFile64;

use crate::manifest::Wishes;
use crate::options::Options;
use crate::strip::strip_program;
use crate::symbols::Symbols;

/// Where they were built.
const FOLDER: &str = env!("PROGRAMS");

/// Where they lie in the archive.
const ARCHIVE_FOLDER: &str = "bin";

/// Whether a kernel is to have them.
///
/// # Errors
/// One line: the manifest of the test kernels cannot be read.
pub fn are_wanted(options: &Options) -> Result<bool> {
    Ok(!options.is_test()
        || Wishes::read()?
            .with_programs
            .contains(&options.kernel_name()))
}

/// The names of addresses in the programs of an archive.
pub struct ProgramSymbols {
    /// Where the other files of the archive come from
    files: Option<PathBuf>,
    known: HashMap<String, Symbols>,
}

impl ProgramSymbols {
    /// Those of the archive that `options` ask for; nothing is read yet.
    #[must_use]
    pub fn of(options: &Options) -> Self {
        Self {
            files: options.files.clone(),
            known: HashMap::new(),
        }
    }

    /// What stands at an address of the program with this name in the archive; see [`Symbols::at`].
    pub fn at(&mut self, name: &str, address: u64) -> Vec<String> {
        let files = &self.files;
        let symbols = self.known.entry(name.to_owned()).or_insert_with(|| {
            let own = name
                .strip_prefix(ARCHIVE_FOLDER)
                .and_then(|name| name.strip_prefix('/'));
            let own = own.map(|name| Path::new(FOLDER).join(name));
            let other = files.as_ref().map(|folder| folder.join(name));
            let file = own.filter(|path| path.is_file()).or(other);
            Symbols::of_program(&file.unwrap_or_default())
        });
        symbols.at(address)
    }
}

/// An entry of the archive for each, without what is not loaded: the copies lie in `scratch`.
///
/// # Errors
/// One line: one of them cannot be read, or its copy not written.
pub fn entries(scratch: &Path) -> Result<Vec<(String, PathBuf)>> {
    let unreadable = || format!("the programs in {FOLDER} cannot be read");
    let copies = scratch.join("programs");
    fs::create_dir_all(&copies).context("the copies of the programs cannot be written")?;
    let mut entries = Vec::new();
    for entry in fs::read_dir(FOLDER).with_context(unreadable)? {
        let path = entry.with_context(unreadable)?.path();
        if !path.is_file() {
            continue;
        }
        let bytes = fs::read(&path).with_context(unreadable)?;
        // cargo puts notes of its own beside them.
        if ElfFile64::<object::Endianness>::parse(&*bytes).is_err() {
            continue;
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let copy = copies.join(&*name);
        let stripped = strip_program(&bytes).with_context(|| format!("the program {name}"))?;
        fs::write(&copy, stripped)
            .and_then(|()| fs::set_permissions(&copy, Permissions::from_mode(0o755)))
            .context("the copies of the programs cannot be written")?;
        entries.push((format!("{ARCHIVE_FOLDER}/{name}"), copy));
    }
    Ok(entries)
}
