//! One run of QEMU: start, stream the guest's serial bytes, and end it, whatever happens.
//!
//! Threads send events (`Event`) to the one that owns QEMU: the serial reader (its end is
//! QEMU's end), the control connection, the signals, the typist and the
//! keyboard; the clock is the receiver's timeout. Every way out of here ends
//! QEMU (see [`Qemu`]) and gives the terminal back (see [`Keys`]).

use std::ffi::OsString;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::control::{Control, Shutdown};
use crate::event::Event;
use crate::keyboard::{self, Keys};
use crate::notice::Notice;
use crate::opening::Opening;
use crate::output::Output;
use crate::prompt::Prompts;
use crate::qemu::Qemu;
use crate::script::{Script, Source};
use crate::status::Outcome;
use crate::typed::{Lines, Played};
use crate::typing::Typist;

/// How long the last messages of a QEMU that has ended may take.
const LAST_MESSAGES: Duration = Duration::from_secs(1);

/// How long QEMU may take to end after its control connection was closed.
const CLOSING: Duration = Duration::from_secs(10);

/// The descriptors that connect `boot` with one QEMU.
pub struct Connections {
    /// The first serial port
    pub serial: UnixStream,
    /// The control connection
    pub control: UnixStream,
    /// A second control connection, for questions while the guest runs
    pub questions: UnixStream,
    /// QEMU's ends of all, closed here once QEMU has them
    pub of_qemu: [UnixStream; 3],
}

/// What is to be run, and how.
pub struct Run {
    /// QEMU, as a name on PATH
    pub program: &'static str,
    /// Its arguments, which name its ends of the connections
    pub arguments: Vec<OsString>,
    /// What `boot` and QEMU talk through
    pub connections: Connections,
    /// Seconds after which QEMU is ended
    pub timeout: Option<u64>,
    /// Whether a firmware uses the serial port before the kernel does
    pub firmware_talks: bool,
    /// Whether a notice says that the kernel is awaited
    pub notice: bool,
    /// What is typed; nothing for test kernels
    pub script: Option<Script>,
    /// A folder for files of this run
    pub scratch: PathBuf,
}

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
}

/// Starts QEMU, writes the guest's serial bytes to `output`, types the script, and waits for the end.
///
/// `may_run` is asked after QEMU is ready and before the guest's first instruction; the guest stays
/// stopped (for gdb) when it says no.
///
/// # Errors
/// QEMU cannot be started or does not answer; the guest's bytes cannot be written; the picture
/// cannot be taken.
pub fn run(
    run: Run,
    may_run: impl FnOnce() -> bool,
    output: impl Write + Send + 'static,
) -> Result<Ended> {
    let (sender, events) = channel();
    let mut signals =
        Signals::new([SIGINT, SIGTERM, SIGHUP, SIGQUIT]).context("signals cannot be received")?;
    let on_signal = sender.clone();
    thread::spawn(move || {
        signals
            .forever()
            .try_for_each(|signal| on_signal.send(Event::Signal(signal)))
    });

    let started = Instant::now();
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
    let notice = match run.notice {
        true => Notice::after_a_while("waiting for the kernel"),
        false => Notice::default(),
    };
    let reader = Output {
        to: output,
        opening: Opening::new(run.firmware_talks),
        notice,
        prompts: Arc::clone(&prompts),
    };
    let on_serial = sender.clone();
    thread::spawn(move || reader.forward(serial, &on_serial));

    let mut control = Control::connect(control)?;
    if may_run() {
        control.start_guest()?;
    }
    let _keys = match run.script {
        Some(script) => start_typing(script, typist, &sender)?,
        None => None,
    };
    thread::spawn(move || sender.send(Event::ControlClosed(control.await_shutdown())));

    let limit = run.timeout.map(|seconds| {
        (
            started + Duration::from_secs(seconds),
            Outcome::Timeout(seconds),
        )
    });
    let mut ended = await_end(qemu, &events, limit)?;
    if is_script {
        let lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
        let played = Played::of(&lines, &prompts);
        ended.outcome = played.judge(ended.outcome);
        ended.played = Some(played);
    }
    Ok(ended)
}

/// Sets the typist to work; with a person's terminal, which stays the guest's while the returned value lives.
fn start_typing(script: Script, typist: Typist, events: &Sender<Event>) -> Result<Option<Keys>> {
    let (keys, source): (_, Box<dyn Read + Send>) = match script.source {
        Source::Text(text) => (None, text),
        Source::Keyboard => {
            let keys = Keys::grab().context("the terminal does not let its keys through")?;
            let listener = keyboard::listen(Arc::clone(&typist.prompts), events.clone());
            (Some(keys), Box::new(listener))
        }
    };
    let events = events.clone();
    thread::spawn(move || {
        typist.run(
            &script.commands,
            script.picture,
            source,
            script.trace,
            &events,
        );
    });
    Ok(keys)
}

/// Waits for the first reason to end, and sees to it that QEMU has ended then.
fn await_end(
    mut qemu: Qemu,
    events: &Receiver<Event>,
    mut limit: Option<(Instant, Outcome)>,
) -> Result<Ended> {
    let mut shutdown: Option<Shutdown> = None;
    let mut picture_taken = false;
    let outcome = loop {
        match next_event(events, limit.as_ref().map(|(at, _)| *at)) {
            Some(Event::SerialClosed) => {
                let status = qemu.wait()?;
                shutdown = shutdown.or_else(|| last_shutdown(events));
                let cause = shutdown.as_ref().map(|shutdown| &shutdown.cause);
                break Outcome::of_qemu(status, cause);
            }
            Some(Event::ControlClosed(cause)) => {
                shutdown = cause;
                let late = Outcome::QemuFailed(
                    "QEMU closed its control connection and did not end".to_owned(),
                );
                limit = Some((Instant::now() + CLOSING, late));
            }
            Some(Event::PictureTaken) => picture_taken = true,
            Some(Event::Failed(error)) => return Err(error),
            Some(Event::OutputFailed(error)) => {
                bail!("the guest's output could not be written, so QEMU was ended: {error}");
            }
            Some(Event::Signal(signal)) => {
                qemu.kill();
                await_last_bytes(events);
                break Outcome::Interrupted(signal);
            }
            None => {
                qemu.kill();
                await_last_bytes(events);
                break limit.map_or_else(
                    || Outcome::QemuFailed("nobody listens to QEMU any more".to_owned()),
                    |(_, outcome)| outcome,
                );
            }
        }
    };
    Ok(Ended {
        outcome,
        registers: shutdown.and_then(|shutdown| shutdown.registers),
        picture_taken,
        played: None,
    })
}

/// The next event, or `None` at the deadline.
fn next_event(events: &Receiver<Event>, deadline: Option<Instant>) -> Option<Event> {
    match deadline {
        None => events.recv().ok(),
        Some(at) => events
            .recv_timeout(at.saturating_duration_since(Instant::now()))
            .ok(),
    }
}

/// QEMU is gone, and what it had sent is on its way through the serial reader.
fn await_last_bytes(events: &Receiver<Event>) {
    let deadline = Some(Instant::now() + LAST_MESSAGES);
    while let Some(event) = next_event(events, deadline) {
        if matches!(event, Event::SerialClosed | Event::OutputFailed(_)) {
            return;
        }
    }
}

/// QEMU is gone, and the reason that it gave is on its way through the control connection.
fn last_shutdown(events: &Receiver<Event>) -> Option<Shutdown> {
    let deadline = Some(Instant::now() + LAST_MESSAGES);
    while let Some(event) = next_event(events, deadline) {
        if let Event::ControlClosed(shutdown) = event {
            return shutdown;
        }
    }
    None
}
