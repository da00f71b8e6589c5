//! Programs in QEMU's place, for what the real one does too seldom.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::{env, ffi};

use tempfile::TempDir;

use crate::kernels::{boot, kernel};

/// A folder with a program of QEMU's name, which does what a shell makes of `does`.
pub(crate) struct FakeQemu(TempDir);

impl FakeQemu {
    pub(crate) fn new(does: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("qemu-system-x86_64");
        fs::write(&program, format!("#!/bin/sh\n{does}\n")).unwrap();
        fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
        Self(folder)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.0.path()
    }

    /// The runner with this QEMU.
    pub(crate) fn boot(&self, arguments: &[&str]) -> Command {
        let mut path = ffi::OsString::from(self.folder());
        path.push(":");
        path.push(env::var_os("PATH").unwrap_or_default());
        let mut runner = boot(kernel(), arguments);
        runner.env("PATH", path);
        runner
    }
}
