//! The prompt: the kernel's words, as far as there is something here for them to do.
//!
//! What must always hold: a command answers as the kernel's does, or with one line
//! `error: ...`, after which nothing has changed. What the kernel's prompt does not have, since
//! its processor always obeys, is marked in the table.

mod accesses;
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
mod output;
mod regions;
mod spaces;
mod span;

use alloc::string::String;

use line::words::Words;
use memory::slot::SetSlotsError;

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

    /// Executes one line.
    pub fn execute(&mut self, line: &str) -> Said {
        let mut out = Output::default();
        self.machine.events.clear();
        let result = self.try_execute(line, &mut out);
        if let Err(error) = &result {
            writeln!(out, "error: {error}");
        }
        Said {
            text: out.0,
            is_refused: result.is_err(),
        }
    }

    fn try_execute<'a>(&mut self, line: &'a str, out: &mut Output) -> Result<(), Error<'a>> {
        let mut words = Words::of(line)?;
        let Some(name) = words.next() else {
            return Ok(());
        };
        let command = commands::find(name).ok_or_else(|| commands::unknown(name))?;
        // What nobody was told of was some other failure's.
        let _ = self.machine.memory().take_missing();
        loop {
            let mut arguments = Arguments::new(command.usage, words.clone());
            let result = (command.run)(self, &mut arguments, out);
            // What failed has changed nothing, or may be done again.
            if result.is_ok() || !self.machine.relieve() {
                return result;
            }
            out.0.clear();
        }
    }
}
