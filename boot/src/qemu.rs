//! QEMU as a process that does not outlive its runner.
//!
//! It is killed when [`Qemu`] is dropped. When the runner dies without the
//! chance to drop anything, Linux kills it; other systems have no means for that.

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use rustix::process::{Pid, Signal, kill_process_group};

/// Between two looks at a QEMU that is about to end.
const GLANCE: Duration = Duration::from_millis(2);

/// A running QEMU.
pub struct Qemu(Child);

impl Qemu {
    /// Starts it. Connections of its own are passed on by their descriptors.
    ///
    /// The thread that calls this must live as long as QEMU shall: Linux ends QEMU with it.
    ///
    /// # Errors
    /// There is no such program, or the system refuses to start it.
    pub fn start(program: &str, arguments: &[OsString]) -> Result<Self> {
        // Whatever QEMU prints is not the guest's, so it belongs on standard error.
        tied(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::from(io::stderr()))
            .spawn()
            .map(Self)
            .map_err(|error| match error.kind() {
                ErrorKind::NotFound => {
                    anyhow!("{program} was not found: run ./setup, which installs it")
                }
                _ => anyhow!("{program} could not be started: {error}"),
            })
    }

    /// Waits for its end until `deadline`; `None` if it goes on.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn wait_until(&mut self, deadline: Instant) -> Result<Option<ExitStatus>> {
        loop {
            let status = self.0.try_wait();
            let status = status.context("QEMU's exit status could not be read")?;
            if status.is_some() || Instant::now() >= deadline {
                return Ok(status);
            }
            thread::sleep(GLANCE);
        }
    }

    /// Ends QEMU now, with all that it started. It has nothing to save: its disk is a snapshot.
    pub fn kill(&mut self) {
        // Once it was waited for, its number may be somebody else's.
        if let Ok(None) = self.0.try_wait() {
            // An error means that it has ended already, which is what was wanted.
            kill_process_group(Pid::from_child(&self.0), Signal::KILL).ok();
            self.0.wait().ok();
        }
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A program that ends when the thread that started it does, in a process group of its own: Ctrl-C
/// reaches `boot`, which then ends the program in order.
pub(crate) fn tied(program: &str) -> Command {
    let mut command = Command::new(program);
    command.process_group(0);
    die_with_parent(&mut command);
    command
}

#[cfg(target_os = "linux")]
fn die_with_parent(command: &mut Command) {
    use rustix::process::{getppid, set_parent_process_death_signal};

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
