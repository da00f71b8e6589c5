//! How a run ended, with all that is to be said of it.

use crate::output::Heard;
use crate::reset;
use crate::status::Outcome;
use crate::typed::Played;

/// How a run ended.
#[derive(Debug)]
pub struct Ended {
    /// For the exit status
    pub outcome: Outcome,
    /// The first processor's registers as QEMU prints them, after a reset
    pub registers: Option<String>,
    /// Whether the picture that was asked for was taken
    pub picture_taken: bool,
    /// What became of the script, if there was one and nobody at a keyboard
    pub played: Option<Played>,
    /// What came through the serial port
    pub heard: Heard,
}

impl Ended {
    /// What was held back of a guest that ended by itself: a kernel without the mark of
    /// [`opening`](crate::opening), after its firmware. It belongs on standard output.
    #[must_use]
    pub fn unmarked(&self) -> Option<String> {
        let held = self.heard.firmware.as_ref();
        held.filter(|_| self.outcome.is_of_guest())
            .map(|text| format!("{text}\n"))
    }

    /// All that is to be said, in lines; of a success nothing if `quiet`.
    #[must_use]
    pub fn words(&self, quiet: bool) -> String {
        let mut words = String::new();
        if self.heard.within_line {
            words.push('\n');
        }
        let started = self.outcome.is_of_guest();
        if let Some(text) = self.heard.firmware.as_ref().filter(|_| !started) {
            words.push_str(&format!(
                "boot: no kernel started; the firmware said\n{text}\n"
            ));
        } else if self.heard.no_kernel && self.outcome.is_of_machine() {
            words.push_str(
                "boot: no kernel started: the machine did not get past its firmware and the boot loader\n",
            );
        }
        if let Some(registers) = &self.registers {
            words.push_str(&format!("boot: {}\n", reset::report(registers)));
        }
        for what in self.played.iter().flat_map(Played::words) {
            words.push_str(&format!("boot: {what}\n"));
        }
        if !(quiet && self.outcome.is_success()) {
            words.push_str(&format!("boot: {}\n", self.outcome.words()));
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run on UEFI in which the kernel's mark never came, and this was held back.
    fn unmarked(outcome: Outcome) -> Ended {
        Ended {
            outcome,
            registers: None,
            picture_taken: false,
            played: None,
            heard: Heard {
                no_kernel: true,
                firmware: Some("BdsDxe: starting Boot0001\nstep 2".to_owned()),
                within_line: false,
            },
        }
    }

    #[test]
    fn what_a_guest_said_that_ended_by_itself_is_not_taken_for_its_firmwares_words() {
        for outcome in [
            Outcome::Exit(0),
            Outcome::Exit(7),
            Outcome::Panic,
            Outcome::RefusedFault,
            Outcome::ScriptFailed("the script failed"),
        ] {
            let ended = unmarked(outcome);
            assert!(!ended.words(false).contains("no kernel"), "{ended:?}");
            let said = "BdsDxe: starting Boot0001\nstep 2\n";
            assert_eq!(ended.unmarked().as_deref(), Some(said), "{ended:?}");
        }
        assert_eq!(unmarked(Outcome::Exit(0)).words(true), "");
    }

    #[test]
    fn what_was_said_before_any_other_end_is_the_firmwares() {
        for outcome in [Outcome::Reset, Outcome::Timeout(5)] {
            let ended = unmarked(outcome);
            let words = "boot: no kernel started; the firmware said\nBdsDxe: starting";
            assert!(ended.words(true).starts_with(words), "{ended:?}");
            assert_eq!(ended.unmarked(), None);
        }
    }
}
