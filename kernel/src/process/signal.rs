//! How a process ends, and what Linux calls that.

use core::fmt;

use x86_64::VirtAddr;

use crate::cpu::vector::Vector;

/// A signal that ends the process that gets it, by Linux's number. Nothing else
/// is known of signals here: there are no handlers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signal(u8);

/// The names of signals 1 to 15: those that end a process.
const NAMES: [&str; 15] = [
    "SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS", "SIGFPE", "SIGKILL",
    "SIGUSR1", "SIGSEGV", "SIGUSR2", "SIGPIPE", "SIGALRM", "SIGTERM",
];

impl Signal {
    /// Ctrl-C.
    pub const INTERRUPT: Self = Self(2);
    /// An instruction that does not exist.
    pub const ILLEGAL: Self = Self(4);
    /// A breakpoint, or a single step.
    pub const TRAP: Self = Self(5);
    /// There is no memory behind an address that is mapped.
    pub const BUS: Self = Self(7);
    /// A division by zero, or another mistake in arithmetic.
    pub const ARITHMETIC: Self = Self(8);
    /// The end, from outside.
    pub const KILL: Self = Self(9);
    /// An access that is not allowed.
    pub const SEGMENTATION: Self = Self(11);
    /// A pipe was written that nobody reads.
    pub const PIPE: Self = Self(13);
    /// The end, asked for.
    pub const TERMINATE: Self = Self(15);

    /// The signal with this number, if it is one that ends a process.
    #[must_use]
    pub fn new(number: u64) -> Option<Self> {
        let number = u8::try_from(number).ok()?;
        (1..=NAMES.len() as u8)
            .contains(&number)
            .then_some(Self(number))
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    /// What Linux sends to a program for an exception other than a page fault
    /// (Linux: arch/x86/kernel/traps.c).
    const fn of(vector: Vector) -> Self {
        match vector.number() {
            0 | 16 | 19 => Self::ARITHMETIC, // #DE, #MF, #XM
            1 | 3 => Self::TRAP,             // #DB, #BP
            6 => Self::ILLEGAL,              // #UD
            11 | 12 | 17 => Self::BUS,       // #NP, #SS, #AC
            _ => Self::SEGMENTATION,
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAMES[usize::from(self.0) - 1])
    }
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It ended itself, with this status.
    Exited(u8),
    /// A page fault was refused.
    BadAccess(VirtAddr),
    /// It accessed a page behind the end of the object that it had mapped there.
    PastEnd(VirtAddr),
    /// The page of a file that it accessed could not be read.
    Unreadable(VirtAddr),
    /// There was no frame for a page that it may access.
    OutOfFrames(VirtAddr),
    /// It raised another exception.
    Exception(Vector),
    /// A process sent a signal.
    Signalled(Signal),
    /// Ctrl-C was pressed while it ran in the foreground.
    Cancelled,
}

impl Ending {
    /// The signal by which Linux would have ended it.
    #[must_use]
    pub const fn signal(&self) -> Option<Signal> {
        match self {
            Self::Exited(_) => None,
            Self::BadAccess(_) => Some(Signal::SEGMENTATION),
            Self::PastEnd(_) | Self::Unreadable(_) => Some(Signal::BUS),
            // What Linux chooses when memory is out.
            Self::OutOfFrames(_) => Some(Signal::KILL),
            Self::Exception(vector) => Some(Signal::of(*vector)),
            Self::Signalled(signal) => Some(*signal),
            Self::Cancelled => Some(Signal::INTERRUPT),
        }
    }

    /// What `wait4` tells:
    ///
    /// ```text
    ///   15      8 7 6     0
    ///  | status  |0|   0   |   it ended itself
    ///  |    0    |0| signal|   it was ended
    /// ```
    #[must_use]
    pub fn status_word(&self) -> u32 {
        match (self, self.signal()) {
            (Self::Exited(status), _) => u32::from(*status) << 8,
            (_, signal) => signal.map_or(0, |signal| u32::from(signal.0)),
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(status) => write!(f, "exited with status {status}"),
            Self::BadAccess(address) => write!(f, "killed by a page fault at {address:#x}"),
            Self::PastEnd(address) => {
                write!(
                    f,
                    "killed by an access past the end of an object at {address:#x}"
                )
            }
            Self::Unreadable(address) => write!(
                f,
                "killed by an access to a page of a file that cannot be read at {address:#x}"
            ),
            Self::OutOfFrames(address) => {
                write!(f, "killed for lack of a frame for the page at {address:#x}")
            }
            Self::Exception(vector) => write!(f, "killed by {vector}"),
            Self::Signalled(signal) => write!(f, "killed by {signal}"),
            Self::Cancelled => f.write_str("killed by Ctrl-C"),
        }
    }
}
