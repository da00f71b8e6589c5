//! What is typed into the guest, and when.
//!
//! ```text
//! first prompt -> commands, each at a prompt -> picture, or the source -> line end -> prompt -> Ctrl-D
//! ```
//!
//! Nothing is sent before the first prompt: firmware reads the same port, and
//! its bytes would be lost. What the source says goes as it comes, since the
//! guest loses nothing. With QEMU's view to be shown, or to stop at the first
//! refused command, it goes line by line: then the guest is at rest.

use std::io::{ErrorKind, Read, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Error;
use crossbeam_channel::Sender;

use crate::control::{Control, is_end};
use crate::event::Event;
use crate::picture::Picture;
use crate::prompt::{Gone, Prompts};
use crate::typed::{END_OF_INPUT, Lines};
use crate::view::{self, View};

/// What the typist works with.
pub(crate) struct Typist {
    pub(crate) serial: UnixStream,
    pub(crate) prompts: Arc<Prompts>,
    pub(crate) lines: Arc<Mutex<Lines>>,
    /// Whether nothing more is typed after a refused command
    pub(crate) stop_on_error: bool,
    /// QEMU's other control connection
    pub(crate) questions: UnixStream,
    /// A folder for files of this run
    pub(crate) scratch: PathBuf,
}

/// Why nothing more is typed.
enum Stop {
    /// QEMU has ended, as it may at any time
    Gone,
    /// A command was refused
    Refused,
    Failed(Error),
}

impl From<Gone> for Stop {
    fn from(Gone: Gone) -> Self {
        Self::Gone
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Typist {
    /// Types the commands, takes the picture or types what `source` says, and ends the input.
    pub(crate) fn run(
        self,
        commands: &[String],
        picture: Option<Picture>,
        source: Box<dyn Read + Send>,
        trace: bool,
        events: &Sender<Event>,
    ) {
        // A QEMU that cannot be asked has ended, which the main connection reports.
        let control = Control::connect(self.questions).and_then(|mut control| {
            control.expect_answers()?;
            Ok(control)
        });
        let Ok(control) = control else {
            return;
        };
        let mut desk = Desk {
            serial: self.serial,
            prompts: self.prompts,
            control,
            lines: self.lines,
            stop_on_error: self.stop_on_error,
            view: trace.then(View::default),
        };
        let work = || -> Result<(), Stop> {
            desk.commands(commands)?;
            match picture {
                Some(picture) => {
                    picture.take(&mut desk.control, &self.scratch)?;
                    events.send(Event::PictureTaken).ok();
                }
                None => desk.follow(source)?,
            }
            desk.end()
        };
        let ended = match work() {
            Err(Stop::Refused) => desk.stop(),
            ended => ended,
        };
        if let Err(Stop::Failed(error)) = ended {
            // The receiver is gone when the run has ended for another reason.
            events.send(Event::Failed(error)).ok();
        }
    }
}

/// The typist at work.
struct Desk {
    serial: UnixStream,
    prompts: Arc<Prompts>,
    control: Control,
    lines: Arc<Mutex<Lines>>,
    stop_on_error: bool,
    view: Option<View>,
}

impl Desk {
    fn commands(&mut self, commands: &[String]) -> Result<(), Stop> {
        self.lines().plan(commands);
        self.wait_for_prompt()?;
        self.show_view("at the first prompt")?;
        for command in commands {
            self.lines().begin_planned();
            self.send(format!("{command}\n").as_bytes())?;
            self.wait_for_prompt()?;
            self.show_view(&format!("after `{command}`"))?;
            self.check_answer()?;
        }
        Ok(())
    }

    /// Types what comes from the source, until its end.
    fn follow(&mut self, mut source: Box<dyn Read + Send>) -> Result<(), Stop> {
        let mut bytes = [0; 4096];
        loop {
            match source.read(&mut bytes) {
                Ok(0) => return Ok(()),
                Ok(count) => self.pass_on(&bytes[..count])?,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    let error = Error::new(error);
                    return Err(error
                        .context("the input for the guest cannot be read")
                        .into());
                }
            }
        }
    }

    /// Ends an unfinished line, which runs it, and then the input.
    fn end(&mut self) -> Result<(), Stop> {
        let is_unfinished = self.lines().is_unfinished();
        if is_unfinished {
            self.send(b"\n")?;
        }
        self.wait_for_prompt()?;
        self.show_view("at the end")?;
        self.check_answer()?;
        self.lines().is_complete = true;
        self.send(&[END_OF_INPUT])
    }

    /// Ends the input at a prompt after which nothing more is to be typed.
    fn stop(&mut self) -> Result<(), Stop> {
        self.lines().is_stopped = true;
        self.write(&[END_OF_INPUT])
    }

    /// Whether the guest's answers let the script go on.
    fn check_answer(&self) -> Result<(), Stop> {
        match self.prompts.refusals().count {
            1.. if self.stop_on_error => Err(Stop::Refused),
            _ => Ok(()),
        }
    }

    fn pass_on(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        if self.view.is_none() && !self.stop_on_error {
            return self.send(bytes);
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let (piece, after) = rest.split_at(end.map_or(rest.len(), |end| end + 1));
            rest = after;
            let before = self.lines().ended;
            self.send(piece)?;
            if self.lines().ended > before {
                self.wait_for_prompt()?;
                self.show_view("after this line")?;
                // What is left of it counts as typed behind the end, and so as not run.
                let count_rest = |_: &Stop| self.count(&[&[END_OF_INPUT], rest].concat());
                self.check_answer().inspect_err(count_rest)?;
            }
        }
        Ok(())
    }

    /// Waits until the guest has done all that was typed.
    fn wait_for_prompt(&self) -> Result<(), Gone> {
        let ended = self.lines().ended;
        self.prompts.wait_for(1 + ended)
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, bytes: &[u8]) {
        self.lines().count(bytes, self.prompts.seen());
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        self.count(bytes);
        self.write(bytes)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        match self.serial.write_all(bytes) {
            Ok(()) => Ok(()),
            Err(error) if is_end(&error) => Err(Stop::Gone),
            Err(error) => {
                let error = Error::new(error);
                Err(error
                    .context("nothing can be written to the guest's serial port")
                    .into())
            }
        }
    }

    fn show_view(&mut self, when: &str) -> Result<(), Stop> {
        let Some(view) = &mut self.view else {
            return Ok(());
        };
        let mut ask = |question| self.control.ask(question);
        match ask("info tlb").and_then(|pages| Ok((pages, ask("info mem")?))) {
            Ok((pages, ranges)) => {
                if let Some(words) = view.news(when, &ranges, &pages) {
                    view::print_beside_prompt(&words);
                }
                Ok(())
            }
            // The machine may have ended between the prompt and the question.
            Err(error) if is_end(&error) => Err(Stop::Gone),
            Err(error) => {
                let error = Error::new(error);
                Err(error
                    .context("QEMU did not tell its view of the guest's memory")
                    .into())
            }
        }
    }
}
