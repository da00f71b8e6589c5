//! How a run ended: from QEMU's exit status and its reason to `boot`'s own status, and to words.
//!
//! The guest ends a run by writing `0x10 + n` to the debug-exit port; QEMU then
//! ends with status `((0x10 + n) << 1) | 1`. The offset keeps the guest's values
//! apart from QEMU's own failures, which are status 1.
//!
//! | `boot` ends with | when |
//! |---|---|
//! | 0 | the guest said 0, or the window was closed |
//! | 1 to 63 | the guest's `exit n` |
//! | 0 to 255 | the program of `--run` exited with it; 128 + n: it was killed by signal n |
//! | 1 | a script was stopped at a refused command, or its last command was refused |
//! | 101 | a panic or a failed test; a figure that is worse than before |
//! | 102 | a fault was refused |
//! | 124 | the timeout came first |
//! | 125 | `boot` or QEMU failed |
//! | 134 | the machine reset itself: a triple fault |
//! | 128 + n | `boot` itself was ended by signal n; 141 when the reader of its output is gone |

use std::error::Error;
use std::fmt;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use qapi::qmp::ShutdownCause;
use signal_hook::consts::{SIGINT, SIGPIPE};

use crate::program::End;

/// `boot`'s status when it or QEMU failed.
pub const RUNNER_FAILED: u8 = 125;

const GUEST_OFFSET: i32 = 0x10;
const PANIC: i32 = 101;
const REFUSED_FAULT: i32 = 102;

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The guest ended the run with this number, 0 to 63
    Exit(u8),
    /// The guest panicked, or a test failed
    Panic,
    /// The guest refused a fault, and nothing could go on after it
    RefusedFault,
    /// The machine reset itself, as after a triple fault, or because the guest asked for it
    Reset,
    /// The machine reset itself, and QEMU logged the triple fault
    TripleFault,
    /// The run took this many seconds and was ended
    Timeout(u64),
    /// So many seconds were over before there was a machine
    TimeoutBefore(u64),
    /// Somebody closed the window
    WindowClosed,
    /// `boot` was told to end by this signal
    Interrupted(i32),
    /// The guest ended well, and the program that it was to run ended like this
    Program(End),
    /// The guest ended well, and its script did not, in these words
    ScriptFailed(&'static str),
    /// QEMU or what it was asked for failed, in these words
    QemuFailed(String),
}

impl Outcome {
    /// Reads how QEMU ended by itself.
    #[must_use]
    pub fn of_qemu(status: ExitStatus, cause: Option<&ShutdownCause>) -> Self {
        let Some(code) = status.code() else {
            let signal = status.signal().unwrap_or_default();
            return Self::QemuFailed(format!("QEMU was killed by signal {signal}"));
        };
        match (code, cause) {
            (0, Some(ShutdownCause::guest_reset)) => Self::Reset,
            (0, Some(ShutdownCause::host_ui)) => Self::WindowClosed,
            (0, Some(ShutdownCause::host_signal)) => {
                Self::QemuFailed("somebody ended QEMU by a signal".to_owned())
            }
            (0, Some(ShutdownCause::host_qmp_quit)) => {
                Self::QemuFailed("somebody told QEMU's monitor to quit".to_owned())
            }
            (0, Some(ShutdownCause::guest_shutdown)) => Self::QemuFailed(
                "the guest cut the power without saying how its run went".to_owned(),
            ),
            (0, _) => Self::QemuFailed("QEMU ended without saying why".to_owned()),
            (code, _) if code & 1 == 1 && code >> 1 >= GUEST_OFFSET => {
                Self::of_guest((code >> 1) - GUEST_OFFSET)
            }
            (code, _) => Self::QemuFailed(format!(
                "QEMU failed with status {code}; its own words are above"
            )),
        }
    }

    fn of_guest(value: i32) -> Self {
        match value {
            0..=63 => Self::Exit(value as u8),
            PANIC => Self::Panic,
            REFUSED_FAULT => Self::RefusedFault,
            _ => Self::QemuFailed(format!(
                "the guest ended with {value}, which means nothing: right are 0 to 63, {PANIC} and {REFUSED_FAULT}"
            )),
        }
    }

    /// The status that `boot` ends with.
    #[must_use]
    pub fn status(&self) -> u8 {
        match self {
            Self::Exit(number) => *number,
            Self::Program(end) => end.status(),
            Self::WindowClosed => 0,
            Self::ScriptFailed(_) => 1,
            Self::Panic => 101,
            Self::RefusedFault => 102,
            Self::Timeout(_) | Self::TimeoutBefore(_) => 124,
            Self::QemuFailed(_) => RUNNER_FAILED,
            Self::Reset | Self::TripleFault => 134,
            Self::Interrupted(signal) => 128 + (*signal as u8 & 0x7F),
        }
    }

    /// Whether all that was asked for was done.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        matches!(self, Self::Exit(0) | Self::Program(End::Exited(0)))
    }

    /// Nobody reads any more what `boot` writes.
    #[must_use]
    pub const fn reader_gone() -> Self {
        Self::Interrupted(SIGPIPE)
    }

    /// Whether nobody is left to be told.
    #[must_use]
    pub fn is_unheard(&self) -> bool {
        *self == Self::reader_gone()
    }

    /// Whether a guest ended the machine with a status of its own, so that a kernel did start.
    #[must_use]
    pub const fn is_of_guest(&self) -> bool {
        matches!(
            self,
            Self::Exit(_)
                | Self::Panic
                | Self::RefusedFault
                | Self::Program(_)
                | Self::ScriptFailed(_)
        )
    }

    /// Whether the machine itself ended, or was ended because it did not.
    #[must_use]
    pub const fn is_of_machine(&self) -> bool {
        matches!(self, Self::Reset | Self::TripleFault | Self::Timeout(_))
    }

    /// The same for people, in one line.
    #[must_use]
    pub fn words(&self) -> String {
        let status = self.status();
        match self {
            Self::Exit(0) => "the machine powered off: success (status 0)".to_owned(),
            Self::Exit(number) => format!("the guest ended with `exit {number}` (status {status})"),
            Self::Program(End::Exited(0)) => "the program exited: success (status 0)".to_owned(),
            Self::Program(End::Exited(_)) => {
                format!("the program exited (status {status})")
            }
            Self::Program(End::Killed(signal)) => {
                format!("the program was killed by signal {signal} (status {status})")
            }
            Self::WindowClosed => "the window was closed (status 0)".to_owned(),
            Self::Panic => format!("the guest panicked or a test failed (status {status})"),
            Self::RefusedFault => {
                format!("the guest stopped at a fault that it refused (status {status})")
            }
            Self::Timeout(seconds) => format!(
                "timeout: the machine still ran after {} and was ended (status {status})",
                duration(*seconds)
            ),
            Self::TimeoutBefore(seconds) => {
                format!(
                    "timeout: no machine ran within {} (status {status})",
                    duration(*seconds)
                )
            }
            Self::TripleFault => {
                format!("triple fault: the machine reset itself (status {status})")
            }
            Self::Reset => format!(
                "the machine reset itself, without a triple fault in QEMU's log (status {status})"
            ),
            Self::Interrupted(SIGINT) => {
                format!("ended by signal {SIGINT} (Ctrl-C) (status {status})")
            }
            Self::Interrupted(signal) => format!("ended by signal {signal} (status {status})"),
            Self::ScriptFailed(words) => format!("{words} (status {status})"),
            Self::QemuFailed(words) => format!("error: {words} (status {status})"),
        }
    }
}

fn duration(seconds: u64) -> String {
    let s = if seconds == 1 { "" } else { "s" };
    format!("{seconds} second{s}")
}

/// The run ended before there was a machine, as an error.
#[derive(Debug)]
pub struct Early(pub Outcome);

impl fmt::Display for Early {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.words())
    }
}

impl Error for Early {}

#[cfg(test)]
mod tests {
    use super::*;

    fn exited(code: i32) -> ExitStatus {
        ExitStatus::from_raw(code << 8)
    }

    /// What QEMU's debug-exit port makes of the guest's number.
    fn guest(number: i32) -> Outcome {
        Outcome::of_qemu(exited(((0x10 + number) << 1) | 1), None)
    }

    #[test]
    fn every_exit_of_the_guest_comes_back_as_its_own_number() {
        for number in 0..=63 {
            assert_eq!(guest(i32::from(number)), Outcome::Exit(number));
            assert_eq!(guest(i32::from(number)).status(), number);
        }
    }

    #[test]
    fn a_panic_is_101_and_a_refused_fault_102() {
        assert_eq!((guest(101).status(), guest(102).status()), (101, 102));
        assert!(guest(101).words().contains("panicked"));
        assert!(guest(102).words().contains("at a fault that it refused"));
    }

    #[test]
    fn a_number_between_the_agreed_ones_is_no_success() {
        for number in [64, 100, 103, 111] {
            assert_eq!(guest(number).status(), 125, "{number}");
        }
    }

    #[test]
    fn qemus_own_failure_is_125_and_not_the_guests() {
        for code in [1, 2, 31, 255 - 1] {
            let outcome = Outcome::of_qemu(exited(code), None);
            assert!(matches!(outcome, Outcome::QemuFailed(_)), "{code}");
            assert_eq!(outcome.status(), 125);
        }
        let crashed = Outcome::of_qemu(ExitStatus::from_raw(11), None);
        assert!(crashed.words().contains("signal 11"), "{}", crashed.words());
        assert_eq!(crashed.status(), 125);
    }

    #[test]
    fn status_0_of_qemu_is_told_apart_by_its_cause() {
        let status =
            |cause: Option<ShutdownCause>| Outcome::of_qemu(exited(0), cause.as_ref()).status();
        assert_eq!(status(Some(ShutdownCause::guest_reset)), 134);
        assert_eq!(status(Some(ShutdownCause::host_ui)), 0);
        assert_eq!(status(Some(ShutdownCause::host_signal)), 125);
        assert_eq!(status(Some(ShutdownCause::guest_shutdown)), 125);
        assert_eq!(status(None), 125);
    }

    #[test]
    fn a_reset_is_134_and_called_a_triple_fault_when_it_was_one() {
        assert_eq!(
            (Outcome::Reset.status(), Outcome::TripleFault.status()),
            (134, 134)
        );
        assert!(Outcome::TripleFault.words().starts_with("triple fault:"));
        assert!(Outcome::Reset.words().contains("without a triple fault"));
    }

    #[test]
    fn a_timeout_is_124_and_signals_follow_the_shells_custom() {
        assert_eq!(Outcome::Timeout(3).status(), 124);
        assert_eq!(Outcome::TimeoutBefore(3).status(), 124);
        assert!(Outcome::Timeout(3).words().contains("3 seconds"));
        assert!(Outcome::Timeout(1).words().contains("1 second and"));
        assert_eq!(
            (
                Outcome::Interrupted(2).status(),
                Outcome::Interrupted(15).status()
            ),
            (130, 143)
        );
    }
}
