//! The monitor: the console that people drive the machine with, and scripts too.
//!
//! ```text
//! bytes ─> line editor ─ line ─> commands ─ arguments ─> regions, accesses,
//!             │ echo               │ result, or error     look, spaces, ...
//!             └───────> output <───┘
//! ```
//!
//! One command a line, of words as [`line::words`] parts them; the answer, or one line `error: ...` after which nothing
//! has changed; the prompt again. [`commands`] lists them all. Words and fields
//! are a public interface: scripts read them.
//!
//! What must always hold: the monitor takes nothing from the heap, but for programs, so
//! it lives on when the last frame is gone; and whatever is typed, the machine lives.

mod accesses;
mod answers;
mod arguments;
pub mod commands;
mod control;
mod demos;
mod devices;
pub mod error;
mod files;
mod frames;
mod ledger;
mod look;
mod nearest;
mod objects;
pub mod output;
mod picture;
mod programs;
mod refusal;
mod regions;
mod spaces;
mod span;
pub mod start;
mod swap;

pub use refusal::Refusal;

use crate::dashboard;
use crate::process::Processes;
use arguments::Arguments;
use core::ops::ControlFlow;
use error::Error;
use ledger::Ledger;
use line::words::Words;
use line::{Editor, Input};
use memory::{Memory, Space};
use objects::Objects;
use output::Output;
use spaces::Spaces;

/// What lives on from command to command.
pub struct Monitor {
    spaces: Spaces,
    objects: Objects,
    processes: Processes,
    /// Whether each fault is printed.
    is_traced: bool,
    /// The status that `exit` has set.
    ending: Option<u8>,
}

impl Monitor {
    /// A monitor that knows of one space, the one that is loaded.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            spaces: Spaces::new(),
            objects: Objects::new(),
            processes: Processes::new(),
            is_traced: false,
            ending: None,
        }
    }

    /// Reads and executes commands until the input ends or `exit` is one of
    /// them; returns the status, 0 to 63.
    pub fn run(&mut self, source: &mut dyn FnMut() -> u8, out: &mut Output<'_>) -> u8 {
        let mut editor = Editor::new();
        loop {
            crate::swap::keep_some_free();
            dashboard::refresh();
            let result = match editor.read(source, out) {
                Input::End => return 0,
                Input::Line(line) => self.execute(line, out),
                Input::TooLong(length) => Err(Error::TooLong(length)),
                Input::Garbage(byte) => Err(Error::Garbage(byte)),
            };
            match result {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(status)) => return status,
                Err(error) => writeln!(out, "error: {error}"),
            }
        }
    }

    /// Executes one line; breaks with the status if it was `exit`.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub fn execute<'a>(
        &mut self,
        line: &'a str,
        out: &mut Output<'_>,
    ) -> Result<ControlFlow<u8>, Error<'a>> {
        let mut words = Words::of(line)?;
        let Some(name) = words.next() else {
            return Ok(ControlFlow::Continue(()));
        };
        let command = commands::find(name).ok_or_else(|| commands::unknown(name))?;
        // What failed has changed nothing, or may be done again.
        crate::spaces::relieved(|| {
            let mut arguments = Arguments::new(command.usage, words.clone());
            (command.run)(self, &mut arguments, out)
        })?;
        Ok(match self.ending.take() {
            Some(status) => ControlFlow::Break(status),
            None => ControlFlow::Continue(()),
        })
    }

    /// Works on the space that is loaded.
    fn change<R>(&mut self, work: impl FnOnce(&mut Space, &Memory) -> R) -> R {
        crate::spaces::current(work)
    }

    /// An account of what a command causes.
    fn ledger(&self) -> Ledger {
        Ledger::new(self.is_traced)
    }
}

impl Default for Monitor {
    fn default() -> Self {
        Self::new()
    }
}
