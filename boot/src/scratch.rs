//! The folder in which one `boot` keeps its temporary files, the boot loader's builder included.
//!
//! It goes when [`Scratch`] is dropped. A `boot` that is killed leaves its
//! folder behind, and the next one clears it: the folder is locked while its
//! owner lives, and the system takes the lock away with the owner.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::Path;
use std::{env, io};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use crate::picture::cause;

/// How the names of these folders begin.
const PREFIX: &str = "faultline-boot-";

/// A folder of this run's own.
#[derive(Debug)]
pub struct Scratch {
    folder: TempDir,
    _lock: File,
}

impl Scratch {
    /// Clears what killed runs left behind, and makes a new folder.
    ///
    /// # Errors
    /// The folder for temporary files cannot be written to.
    pub fn new() -> Result<Self> {
        let temporary = env::temp_dir();
        clear(&temporary);
        let failed = || {
            format!(
                "no temporary files can be made in {}; TMPDIR names another folder",
                temporary.display()
            )
        };
        loop {
            if let Some(scratch) = Self::make(&temporary).with_context(failed)? {
                // For those who choose a place by themselves. It fails only the second time, in tests.
                tempfile::env::override_temp_dir(scratch.path()).ok();
                return Ok(scratch);
            }
        }
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// `None` when another `boot` cleared the folder away before it was locked.
    fn make(temporary: &Path) -> io::Result<Option<Self>> {
        let folder = tempfile::Builder::new()
            .prefix(PREFIX)
            .tempdir_in(temporary)
            .map_err(|error| io::Error::other(cause(&error)))?;
        let lock = match File::open(folder.path()) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            lock => lock?,
        };
        // Where a folder cannot be locked, nobody can take this one for abandoned either.
        lock.lock().ok();
        let kept = folder.path().exists();
        Ok(kept.then_some(Self {
            folder,
            _lock: lock,
        }))
    }
}

/// Removes the folders that nobody locks any more. What cannot be removed, somebody else's for instance, stays.
fn clear(temporary: &Path) {
    let entries = fs::read_dir(temporary).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| {
        let name = entry.file_name();
        name.as_encoded_bytes().starts_with(PREFIX.as_bytes())
    }) {
        let path = entry.path();
        if File::open(&path).is_ok_and(|folder| folder.try_lock().is_ok()) {
            fs::remove_dir_all(&path).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_nobody_holds_is_cleared_and_one_in_use_stays() {
        let temporary = tempfile::tempdir().unwrap();
        let left = temporary.path().join(format!("{PREFIX}left"));
        fs::create_dir_all(left.join("inside")).unwrap();
        let other = temporary.path().join("somebody-elses");
        fs::create_dir(&other).unwrap();
        let used = Scratch::make(temporary.path()).unwrap().unwrap();
        clear(temporary.path());
        assert!(!left.exists());
        assert!(other.exists() && used.path().exists());
        let path = used.path().to_owned();
        drop(used);
        assert!(!path.exists());
    }
}
