//! The prompt: the kernel's words, as far as there is something here for them to do.
//!
//! What must always hold: a command answers as the kernel's does, or with one line
//! `error: ...`, after which nothing has changed. What the kernel's prompt does not have, since
//! its processor always obeys, is marked in the table.

mod accesses;
#[path = "../../../src/monitor/answers.rs"]
pub(crate) mod answers;
#[path = "../../../src/monitor/arguments.rs"]
#[allow(dead_code, reason = "the kernel uses more of it")]
mod arguments;
pub mod commands;
mod control;
mod error;
mod ledger;
mod look;
#[path = "../../../src/monitor/nearest.rs"]
mod nearest;
#[path = "../../../src/monitor/output.rs"]
#[allow(dead_code, unreachable_pub, reason = "the kernel uses more of it")]
mod output;
#[path = "../../../src/monitor/regions.rs"]
mod regions;
mod spaces;
#[path = "../../../src/monitor/span.rs"]
#[allow(dead_code, reason = "the kernel uses more of it")]
mod span;

use alloc::string::String;

use line::words::Words;
use memory::slot::SetSlotsError;
use memory::{Memory, Space};

use crate::machine::Machine;
use arguments::Arguments;
use error::Error;
use output::Output;

/// A machine, and what lives on from command to command.
pub struct Monitor {
    pub(crate) machine: Machine,
    /// Whether each fault is printed.
    is_traced: bool,
}

/// What a command said.
#[derive(Clone, Debug)]
pub struct Said {
    /// The lines of its answer.
    pub text: String,
    /// Whether it was refused.
    pub is_refused: bool,
}

impl Monitor {
    /// A prompt on a new machine, which has so many slots.
    ///
    /// # Errors
    ///
    /// Too many slots for its memory.
    pub fn new(slots: u64) -> Result<Self, SetSlotsError> {
        Ok(Self {
            machine: Machine::new(slots)?,
            is_traced: false,
        })
    }

    /// The machine.
    #[must_use]
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// Works on the space that is loaded.
    fn change<R>(&mut self, work: impl FnOnce(&mut Space, &Memory) -> R) -> R {
        self.machine.change(work)
    }

    /// Executes one line.
    pub fn execute(&mut self, line: &str) -> Said {
        let mut text = String::new();
        self.machine.events.clear();
        let result = self.try_execute(line, &mut text);
        if let Err(error) = &result {
            writeln!(Output::new(&mut text), "error: {error}");
        }
        Said {
            is_refused: result.is_err(),
            text,
        }
    }

    fn try_execute<'a>(&mut self, line: &'a str, text: &mut String) -> Result<(), Error<'a>> {
        let mut words = Words::of(line)?;
        let Some(name) = words.next() else {
            return Ok(());
        };
        let command = commands::find(name).ok_or_else(|| commands::unknown(name))?;
        // What nobody was told of was some other failure's.
        let _ = self.machine.memory().take_missing();
        loop {
            let mut arguments = Arguments::new(command.usage, words.clone());
            let result = (command.run)(self, &mut arguments, &mut Output::new(text));
            // What failed has changed nothing, or may be done again.
            if result.is_ok() || !self.machine.relieve() {
                return result;
            }
            text.clear();
        }
    }
}
