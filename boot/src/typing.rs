//! What is typed into the guest, and when.
//!
//! ```text
//! first prompt -> commands, each at a prompt -> picture, or the source -> line end -> prompt -> Ctrl-D
//! ```
//!
//! Nothing is sent before the first prompt: firmware reads the same port, and
//! its bytes would be lost. What the source says goes as it comes, since the
//! guest loses nothing; with QEMU's view to be shown it goes line by line, so
//! that every view is that of a guest at rest.

use std::io::{ErrorKind, Read, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Error;
use crossbeam_channel::Sender;

use crate::control::{Control, is_end};
use crate::event::Event;
use crate::picture::Picture;
use crate::prompt::{Gone, Prompts};
use crate::view::{self, View};

/// What Ctrl-D sends: the end of the input.
const END_OF_INPUT: u8 = 0x04;

/// What Ctrl-C sends: the guest drops its line and prompts again.
const DROP_LINE: u8 = 0x03;

/// What the typist works with.
pub(crate) struct Typist {
    pub(crate) serial: UnixStream,
    pub(crate) prompts: Arc<Prompts>,
    /// QEMU's other control connection
    pub(crate) questions: UnixStream,
    /// A folder for files of this run
    pub(crate) scratch: PathBuf,
}

/// Why nothing more is typed.
enum Stop {
    /// QEMU has ended, as it may at any time
    Gone,
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
            lines: Lines::default(),
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
        if let Err(Stop::Failed(error)) = work() {
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
    lines: Lines,
    view: Option<View>,
}

impl Desk {
    fn commands(&mut self, commands: &[String]) -> Result<(), Stop> {
        self.wait_for_prompt()?;
        self.show_view("at the first prompt")?;
        for command in commands {
            self.send(format!("{command}\n").as_bytes())?;
            self.wait_for_prompt()?;
            self.show_view(&format!("after `{command}`"))?;
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
        if self.lines.unfinished {
            self.send(b"\n")?;
        }
        self.wait_for_prompt()?;
        self.show_view("at the end")?;
        self.send(&[END_OF_INPUT])
    }

    fn pass_on(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        if self.view.is_none() {
            return self.send(bytes);
        }
        for piece in bytes.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
            let before = self.lines.ended;
            self.send(piece)?;
            if self.lines.ended > before {
                self.wait_for_prompt()?;
                self.show_view("after this line")?;
            }
        }
        Ok(())
    }

    /// Waits until the guest has done all that was typed.
    fn wait_for_prompt(&self) -> Result<(), Gone> {
        self.prompts.wait_for(1 + self.lines.ended)
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        self.lines.count(bytes);
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

/// How many lines were ended, as the guest counts: CR, LF and CR LF end one, and Ctrl-C drops one.
#[derive(Debug, Default)]
struct Lines {
    ended: u64,
    after_return: bool,
    unfinished: bool,
}

impl Lines {
    fn count(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            match byte {
                b'\n' if self.after_return => {}
                b'\n' | b'\r' | DROP_LINE => {
                    self.ended += 1;
                    self.unfinished = false;
                }
                _ => self.unfinished = true,
            }
            self.after_return = byte == b'\r';
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(pieces: &[&[u8]]) -> (u64, bool) {
        let mut lines = Lines::default();
        pieces.iter().for_each(|piece| lines.count(piece));
        (lines.ended, lines.unfinished)
    }

    #[test]
    fn every_kind_of_line_end_ends_one_line() {
        assert_eq!(counted(&[b"a\nb\n"]), (2, false));
        assert_eq!(counted(&[b"a\rb\r"]), (2, false));
        assert_eq!(counted(&[b"a\r", b"\nb\r\n"]), (2, false));
        assert_eq!(counted(&[b"\r\r\n\n"]), (3, false));
    }

    #[test]
    fn what_follows_the_last_line_end_is_unfinished() {
        assert_eq!(counted(&[b"a\nb"]), (1, true));
        assert_eq!(counted(&[b"a\r\n", b"b"]), (1, true));
        assert_eq!(counted(&[]), (0, false));
    }

    #[test]
    fn ctrl_c_drops_the_line_and_brings_a_prompt() {
        assert_eq!(counted(&[b"ab\x03"]), (1, false));
    }
}
