//! QEMU as a process that does not outlive its runner.
//!
//! It is killed when [`Qemu`] is dropped. When the runner dies without the
//! chance to drop anything, Linux kills it; other systems have no means for that.

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context as _, Result, anyhow};

/// A running QEMU.
pub struct Qemu(Child);

impl Qemu {
    /// Starts it. Connections of its own are passed on by their descriptors.
    ///
    /// # Errors
    /// There is no such program, or the system refuses to start it.
    pub fn start(program: &str, arguments: &[OsString]) -> Result<Self> {
        let mut command = Command::new(program);
        command.args(arguments);
        // Whatever QEMU prints is not the guest's, so it belongs on standard error.
        command
            .stdin(Stdio::null())
            .stdout(Stdio::from(io::stderr()));
        // A group of its own: Ctrl-C reaches `boot`, which then ends QEMU in order.
        command.process_group(0);
        die_with_parent(&mut command);
        command
            .spawn()
            .map(Self)
            .map_err(|error| match error.kind() {
                ErrorKind::NotFound => {
                    anyhow!("{program} was not found: run ./setup, which installs it")
                }
                _ => anyhow!("{program} could not be started: {error}"),
            })
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        self.0
            .wait()
            .context("QEMU's exit status could not be read")
    }

    /// Ends QEMU now. It has nothing to save: its disk is a snapshot.
    pub fn kill(&mut self) {
        // An error means that it has ended already, which is what was wanted.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        self.kill();
    }
}

#[cfg(target_os = "linux")]
fn die_with_parent(command: &mut Command) {
    use rustix::process::{Signal, getppid, set_parent_process_death_signal};

    let parent = rustix::process::getpid();
    let in_child = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // The parent may have died before the call above.
        if getppid() != Some(parent) {
            return Err(io::Error::other("boot ended while it started QEMU"));
        }
        Ok(())
    };
    // SAFETY: the closure runs between fork and exec, where only what is async-signal-safe is
    // allowed: it makes two plain system calls, and on success neither allocates nor takes a lock
    // (`io::Error::other` allocates only when the parent, and all its threads, are gone).
    unsafe { command.pre_exec(in_child) };
}

#[cfg(not(target_os = "linux"))]
fn die_with_parent(_command: &mut Command) {}
