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
    /// All that is to be said, in lines; of a success nothing if `quiet`.
    #[must_use]
    pub fn words(&self, quiet: bool) -> String {
        let mut words = String::new();
        if self.heard.within_line {
            words.push('\n');
        }
        if let Some(text) = &self.heard.firmware {
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
        if !(quiet && self.outcome == Outcome::Exit(0)) {
            words.push_str(&format!("boot: {}\n", self.outcome.words()));
        }
        words
    }
}
