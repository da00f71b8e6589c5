//! One run of QEMU: start, stream the guest's serial bytes, and end it, whatever happens.
//!
//! Threads send events (`Event`) to the one that owns QEMU: the conversation with
//! QEMU, the serial reader (its end is QEMU's end), the typist and the keyboard;
//! the clock and the signals are those of [`Watch`]. Every way out of here ends
//! QEMU (see [`Qemu`]) and gives the terminal back (see [`Keys`]).

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use crossbeam_channel::{Receiver, Sender, unbounded};
use signal_hook::consts::SIGINT;

use crate::control::{ANSWER, Control, Shutdown, is_end};
use crate::ended::Ended;
use crate::event::{self, Event};
use crate::keyboard::{self, Keys};
use crate::notice::Notice;
use crate::opening::Opening;
use crate::output::{Heard, Output};
use crate::prompt::Prompts;
use crate::qemu::Qemu;
use crate::script::{Script, Source};
use crate::status::Outcome;
use crate::typed::{Lines, Played};
use crate::typing::Typist;
use crate::watch::{Next, Watch};
use crate::{fitness, program, say};

/// How long the last messages of a QEMU that has ended may take.
const LAST_MESSAGES: Duration = Duration::from_secs(1);

/// How long QEMU may take to end after it closed a connection.
const CLOSING: Duration = Duration::from_secs(10);

/// The descriptors that connect `boot` with one QEMU.
pub struct Connections {
    /// The first serial port
    pub serial: UnixStream,
    /// The control connection
    pub control: UnixStream,
    /// A second control connection, for questions while the guest runs
    pub questions: UnixStream,
    /// QEMU's ends of all and its log, closed here once QEMU has them
    pub of_qemu: ([UnixStream; 3], File),
}

/// What is to be run, and how.
pub struct Run {
    /// QEMU, as a name on PATH
    pub program: &'static str,
    /// Its arguments, which name its ends of the connections
    pub arguments: Vec<OsString>,
    /// What `boot` and QEMU talk through
    pub connections: Connections,
    /// Whether the firmware is UEFI, which uses the serial port before the kernel does
    pub uefi: bool,
    /// What is said to a person who starts the guest from gdb; without, the guest runs at once
    pub gdb: Option<String>,
    /// Whether a notice says that the kernel is awaited
    pub notice: bool,
    /// What is typed; nothing for test kernels
    pub script: Option<Script>,
    /// A folder for files of this run
    pub scratch: PathBuf,
}

/// Starts QEMU, writes the guest's serial bytes to `output`, types the script, and waits for the end.
///
/// # Errors
/// QEMU cannot be started or does not answer; the guest's bytes cannot be written; the picture
/// cannot be taken.
pub fn run(run: Run, watch: &Watch, output: impl Write + Send + 'static) -> Result<Ended> {
    let (sender, events) = unbounded();
    let qemu = Qemu::start(run.program, &run.arguments)?;
    let Connections {
        serial,
        control,
        questions,
        of_qemu,
    } = run.connections;
    drop(of_qemu);

    let prompts = Arc::new(Prompts::default());
    let lines = Arc::new(Mutex::new(Lines::default()));
    let is_script =
        matches!(&run.script, Some(script) if !matches!(script.source, Source::Keyboard));
    let typist = Typist {
        serial: serial.try_clone().context("there is no descriptor left")?,
        prompts: Arc::clone(&prompts),
        lines: Arc::clone(&lines),
        stop_on_error: run
            .script
            .as_ref()
            .is_some_and(|script| script.stop_on_error),
        questions,
        scratch: run.scratch,
    };
    let reader = Output {
        to: output,
        opening: Opening::new(run.uefi),
        notice: match run.notice {
            true => Notice::after_a_while(),
            false => Notice::default(),
        },
        prompts: Arc::clone(&prompts),
    };
    event::spawn(&sender, move |events| reader.forward(serial, events));
    event::spawn(&sender, move |events| {
        converse(control, run.uefi, run.gdb, events);
    });
    let runs_program = matches!(&run.script, Some(script) if script.runs_program);
    let start_typing = || match run.script {
        Some(script) => start_typing(script, typist, &sender),
        None => Ok(None),
    };
    let owner = Owner {
        qemu,
        watch,
        events: &events,
    };
    let mut ended = owner.await_end(start_typing)?;
    if is_script {
        let lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
        let played = Played::of(&lines, &prompts);
        ended.outcome = played.judge(ended.outcome);
        ended.played = Some(played);
        if runs_program {
            ended.outcome = program::judge(ended.outcome, prompts.program_end());
        }
    }
    Ok(ended)
}

/// Talks with QEMU from its greeting to the guest's end.
fn converse(stream: UnixStream, uefi: bool, gdb: Option<String>, events: &Sender<Event>) {
    let begin = || -> io::Result<Result<Control>> {
        let mut control = Control::connect(stream)?;
        if let Some(lack) = fitness::lack(&mut control, uefi) {
            return Ok(Err(anyhow!("no kernel can start: {lack}")));
        }
        events.send(Event::Started).ok();
        match gdb {
            Some(words) => say::line(words),
            None => control.start_guest()?,
        }
        Ok(Ok(control))
    };
    let end = match begin() {
        Ok(Ok(control)) => Event::ControlClosed(control.await_shutdown()),
        Ok(Err(error)) => Event::Failed(error),
        Err(error) if is_end(&error) => Event::ControlClosed(None),
        Err(error) => Event::Failed(anyhow!("QEMU's words are not understood: {error}")),
    };
    // The receiver is gone when the run has ended for another reason.
    events.send(end).ok();
}

/// Sets the typist to work; with a person's terminal, which stays the guest's while the returned value lives.
fn start_typing(script: Script, typist: Typist, events: &Sender<Event>) -> Result<Option<Keys>> {
    let (keys, source): (_, Box<dyn Read + Send>) = match script.source {
        Source::Text(text) => (None, text),
        Source::Keyboard => {
            let keys = Keys::grab().context("the terminal does not let its keys through")?;
            let listener = keyboard::listen(Arc::clone(&typist.prompts), events);
            (Some(keys), Box::new(listener))
        }
    };
    event::spawn(events, move |events| {
        typist.run(
            &script.commands,
            script.picture,
            source,
            script.trace,
            events,
        );
    });
    Ok(keys)
}

/// Who ends QEMU.
struct Owner<'a> {
    qemu: Qemu,
    watch: &'a Watch,
    events: &'a Receiver<Event>,
}

impl Owner<'_> {
    /// Waits for the first reason to end, and sees to it that QEMU has ended then.
    ///
    /// `start_typing` is called once the machine is there, and gives what is held until the end.
    fn await_end(mut self, start_typing: impl FnOnce() -> Result<Option<Keys>>) -> Result<Ended> {
        let mut start_typing = Some(start_typing);
        let mut _keys = None;
        let mut limit = Some(Limit::new(ANSWER, "QEMU did not answer for 20 seconds"));
        let mut shutdown = None;
        let mut picture_taken = false;
        let (outcome, heard) = loop {
            let event = match self
                .watch
                .next(self.events, limit.as_ref().map(|limit| limit.at))
            {
                Next::Message(event) => event,
                Next::Guard(outcome) => break (outcome, self.kill()),
                Next::Limit => {
                    let words =
                        limit.map_or("nobody listens to QEMU any more", |limit| limit.words);
                    break (Outcome::QemuFailed(words.to_owned()), self.kill());
                }
            };
            match event {
                Event::Started => {
                    limit = None;
                    if let Some(start_typing) = start_typing.take() {
                        _keys = start_typing()?;
                    }
                }
                Event::SerialClosed(heard) => {
                    let started = start_typing.is_none();
                    break (self.outcome(started, &mut shutdown)?, heard);
                }
                Event::ControlClosed(cause) => {
                    shutdown = cause;
                    limit = Some(Limit::new(CLOSING, STILL_THERE));
                }
                Event::PictureTaken => picture_taken = true,
                Event::Failed(error) => return Err(error),
                Event::NoKernel(reason) => {
                    let words = format!("no kernel can start: {reason}");
                    break (Outcome::QemuFailed(words), self.kill());
                }
                Event::OutputFailed(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                    self.qemu.kill();
                    break (Outcome::reader_gone(), Heard::default());
                }
                Event::OutputFailed(error) => {
                    bail!("the guest's output could not be written, so QEMU was ended: {error}")
                }
                Event::CtrlC => break (Outcome::Interrupted(SIGINT), self.kill()),
            }
        };
        Ok(Ended {
            outcome,
            registers: shutdown.and_then(|shutdown| shutdown.registers),
            picture_taken,
            played: None,
            heard,
        })
    }

    /// How QEMU ended, which closed the serial port. What ends before the guest `started` is not the guest's word.
    fn outcome(&mut self, started: bool, shutdown: &mut Option<Shutdown>) -> Result<Outcome> {
        let Some(status) = self.qemu.wait_until(Instant::now() + CLOSING)? else {
            return Ok(Outcome::QemuFailed(STILL_THERE.to_owned()));
        };
        if !started {
            return Ok(Outcome::QemuFailed(
                "QEMU ended before it started the machine; its own words are above".to_owned(),
            ));
        }
        let last = |event| match event {
            Event::ControlClosed(shutdown) => Some(shutdown),
            _ => None,
        };
        if shutdown.is_none() {
            *shutdown = self.await_last(last).flatten();
        }
        let cause = shutdown.as_ref().map(|shutdown| &shutdown.cause);
        Ok(Outcome::of_qemu(status, cause))
    }

    /// Ends QEMU. What it had sent is on its way through the serial reader.
    fn kill(&mut self) -> Heard {
        self.qemu.kill();
        let heard = self.await_last(|event| match event {
            Event::SerialClosed(heard) => Some(heard),
            Event::OutputFailed(_) => Some(Heard::default()),
            _ => None,
        });
        heard.unwrap_or_default()
    }

    /// The one of the last messages that `wanted` picks, if it comes.
    fn await_last<T>(&self, wanted: impl Fn(Event) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + LAST_MESSAGES;
        while let Next::Message(event) = self.watch.next(self.events, Some(deadline)) {
            if let Some(found) = wanted(event) {
                return Some(found);
            }
        }
        None
    }
}

const STILL_THERE: &str = "QEMU closed its connections and did not end";

/// Until when something must have happened, and what is said if it has not.
struct Limit {
    at: Instant,
    words: &'static str,
}

impl Limit {
    fn new(patience: Duration, words: &'static str) -> Self {
        Self {
            at: Instant::now() + patience,
            words,
        }
    }
}
