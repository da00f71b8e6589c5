//! How a program ended that `--run` asked for.
//!
//! The answer to the guest's command `run` ends with a line that begins with
//! `exited=STATUS`, or with `killed=SIGNAL` if the program was ended by a signal;
//! both are numbers. What the program prints itself may look like that, too: the
//! last such line before the prompt counts.

use crate::status::Outcome;

/// So many bytes of a line tell whether it is one.
pub(crate) const TELLING: usize = 16;

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By itself, with this status
    Exited(u8),
    /// By this signal
    Killed(u8),
}

impl End {
    /// Reads the start of a line.
    #[must_use]
    pub(crate) fn of_line(start: &[u8]) -> Option<Self> {
        let text = start.utf8_chunks().next()?.valid();
        let (name, value) = text.split_ascii_whitespace().next()?.split_once('=')?;
        match name {
            "exited" => value.parse().ok().map(Self::Exited),
            "killed" => value.parse().ok().map(Self::Killed),
            _ => None,
        }
        .filter(|_| text.starts_with(name))
    }

    /// The status that a shell gives such an end.
    #[must_use]
    pub const fn status(self) -> u8 {
        match self {
            Self::Exited(status) => status,
            Self::Killed(signal) => 128 | signal,
        }
    }
}

/// How a run ended that was there for a program: as the program, where the machine ended well.
pub(crate) fn judge(outcome: Outcome, end: Option<End>) -> Outcome {
    match (outcome, end) {
        (Outcome::Exit(0), Some(end)) => Outcome::Program(end),
        (Outcome::Exit(0), None) => {
            Outcome::QemuFailed("the guest did not say how the program ended".to_owned())
        }
        (outcome, _) => outcome,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_program_begins_its_line() {
        for (line, end) in [
            (&b"exited=0"[..], Some(End::Exited(0))),
            (b"exited=255 fa", Some(End::Exited(255))),
            (b"killed=11\r", Some(End::Killed(11))),
            (b"exited=256 fa", None),
            (b" exited=1", None),
            (b"exited", None),
            (b"\xffexited=1", None),
            (b"files=1", None),
        ] {
            assert_eq!(End::of_line(line), end, "{line:?}");
        }
    }

    #[test]
    fn a_program_decides_only_where_the_machine_ended_well() {
        let end = Some(End::Killed(9));
        assert_eq!(judge(Outcome::Exit(0), end).status(), 137);
        assert_eq!(judge(Outcome::Exit(0), Some(End::Exited(3))).status(), 3);
        assert_eq!(judge(Outcome::Panic, end).status(), 101);
        assert_eq!(judge(Outcome::Exit(0), None).status(), 125);
    }
}
