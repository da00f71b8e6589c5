//! Children, and how they ended.

use core::fmt;

use crate::calls;
use crate::errno::Errno;
use crate::faults;

/// A signal, by Linux's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signal(pub u8);

/// Ends a process that cannot say no (`SIGKILL`).
pub const KILL: Signal = Signal(9);
/// Asks a process to end (`SIGTERM`).
pub const TERMINATE: Signal = Signal(15);

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.0 {
            4 => "SIGILL",
            5 => "SIGTRAP",
            7 => "SIGBUS",
            8 => "SIGFPE",
            9 => "SIGKILL",
            11 => "SIGSEGV",
            15 => "SIGTERM",
            other => return write!(f, "signal {other}"),
        };
        f.write_str(name)
    }
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this status.
    Exited(u8),
    /// By a signal.
    Killed(Signal),
}

impl Ended {
    /// What a status of `wait4` says.
    #[must_use]
    pub fn of(status: u32) -> Self {
        // The lowest 7 bits are the signal; bit 7 says whether its memory was kept in
        // a file, which is somebody else's choice.
        match (status & 0x7f) as u8 {
            0 => Self::Exited((status >> 8) as u8),
            signal => Self::Killed(Signal(signal)),
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(status) => write!(f, "exited with status {status}"),
            Self::Killed(signal) => write!(f, "killed by {signal}"),
        }
    }
}

/// A child that has not been waited for.
#[derive(Debug, Clone, Copy)]
pub struct Child {
    process: usize,
}

impl Child {
    /// Waits until it has ended.
    pub fn wait(self) -> Result<Ended, Errno> {
        let status = calls::wait(self.process)?;
        faults::settle();
        Ok(Ended::of(status))
    }

    /// Sends it a signal.
    pub fn kill(self, signal: Signal) -> Result<(), Errno> {
        calls::kill(self.process, signal.0.into())
    }
}

/// Runs something in a child, which ends with the status that it returns.
pub fn fork(child: impl FnOnce() -> u8) -> Result<Child, Errno> {
    let process = calls::fork()?;
    faults::settle();
    if process == 0 {
        calls::exit(child());
    }
    Ok(Child { process })
}
