//! One run of QEMU: start, stream the guest's serial bytes, and end it, whatever happens.
//!
//! Three threads send events to the one that owns QEMU: the serial reader
//! (its end is QEMU's end), the control connection, and the signals; the clock
//! is the receiver's timeout. Every way out of here ends QEMU (see [`Qemu`]).

use std::ffi::OsString;
use std::io::{self, ErrorKind, Read as _, Write};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::control::{Control, Shutdown};
use crate::qemu::Qemu;
use crate::status::Outcome;

/// How long the last messages of a QEMU that has ended may take.
const LAST_MESSAGES: Duration = Duration::from_secs(1);

/// How long QEMU may take to end after its control connection was closed.
const CLOSING: Duration = Duration::from_secs(10);

enum Event {
    /// QEMU closed the serial port: it ends or has ended
    SerialClosed,
    /// The guest's bytes can no longer be written to standard output
    OutputFailed(io::Error),
    /// The control connection is closed; the guest stopped for this reason, if QEMU told one
    ControlClosed(Option<Shutdown>),
    /// `boot` is told to end
    Signal(i32),
}

/// The descriptors that connect `boot` with one QEMU.
pub struct Connections {
    /// The first serial port
    pub serial: UnixStream,
    /// The control connection
    pub control: UnixStream,
    /// QEMU's ends of both, closed here once QEMU has them
    pub of_qemu: [UnixStream; 2],
}

/// How a run ended.
#[derive(Debug)]
pub struct Ended {
    /// For the exit status
    pub outcome: Outcome,
    /// The first processor's registers as QEMU prints them, after a reset
    pub registers: Option<String>,
}

impl From<Outcome> for Ended {
    fn from(outcome: Outcome) -> Self {
        Self {
            outcome,
            registers: None,
        }
    }
}

/// Starts QEMU, writes the guest's serial bytes to `output`, and waits for the end.
///
/// `may_run` is asked after QEMU is ready and before the guest's first instruction; the guest stays
/// stopped (for gdb) when it says no. `timeout` is in seconds.
///
/// # Errors
/// QEMU cannot be started or does not answer; the guest's bytes cannot be written.
pub fn run(
    program: &str,
    arguments: &[OsString],
    connections: Connections,
    timeout: Option<u64>,
    may_run: impl FnOnce() -> bool,
    output: impl Write + Send + 'static,
) -> Result<Ended> {
    let (sender, events) = channel();
    let mut signals =
        Signals::new([SIGINT, SIGTERM, SIGHUP]).context("signals cannot be received")?;
    let on_signal = sender.clone();
    thread::spawn(move || {
        signals
            .forever()
            .try_for_each(|signal| on_signal.send(Event::Signal(signal)))
    });

    let started = Instant::now();
    let qemu = Qemu::start(program, arguments)?;
    let Connections {
        serial,
        control,
        of_qemu,
    } = connections;
    drop(of_qemu);
    let on_serial = sender.clone();
    thread::spawn(move || forward(serial, output, &on_serial));
    let mut control = Control::connect(control)?;
    if may_run() {
        control.start_guest()?;
    }
    thread::spawn(move || sender.send(Event::ControlClosed(control.await_shutdown())));

    let limit = timeout.map(|seconds| {
        (
            started + Duration::from_secs(seconds),
            Outcome::Timeout(seconds),
        )
    });
    await_end(qemu, &events, limit)
}

/// Waits for the first reason to end, and sees to it that QEMU has ended then.
fn await_end(
    mut qemu: Qemu,
    events: &Receiver<Event>,
    mut limit: Option<(Instant, Outcome)>,
) -> Result<Ended> {
    let mut shutdown = None;
    loop {
        match next_event(events, limit.as_ref().map(|(at, _)| *at)) {
            Some(Event::SerialClosed) => {
                let status = qemu.wait()?;
                let shutdown = shutdown.or_else(|| last_shutdown(events));
                let outcome =
                    Outcome::of_qemu(status, shutdown.as_ref().map(|shutdown| &shutdown.cause));
                return Ok(Ended {
                    outcome,
                    registers: shutdown.and_then(|shutdown| shutdown.registers),
                });
            }
            Some(Event::ControlClosed(cause)) => {
                shutdown = cause;
                let late = Outcome::QemuFailed(
                    "QEMU closed its control connection and did not end".to_owned(),
                );
                limit = Some((Instant::now() + CLOSING, late));
            }
            Some(Event::OutputFailed(error)) => {
                bail!("the guest's output could not be written, so QEMU was ended: {error}");
            }
            Some(Event::Signal(signal)) => {
                qemu.kill();
                await_last_bytes(events);
                return Ok(Outcome::Interrupted(signal).into());
            }
            None => {
                qemu.kill();
                await_last_bytes(events);
                let outcome = limit.map_or_else(
                    || Outcome::QemuFailed("nobody listens to QEMU any more".to_owned()),
                    |(_, outcome)| outcome,
                );
                return Ok(outcome.into());
            }
        }
    }
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

/// QEMU is gone, and the reason that it told is on its way through the control connection.
fn last_shutdown(events: &Receiver<Event>) -> Option<Shutdown> {
    let deadline = Some(Instant::now() + LAST_MESSAGES);
    while let Some(event) = next_event(events, deadline) {
        if let Event::ControlClosed(shutdown) = event {
            return shutdown;
        }
    }
    None
}

/// Copies the guest's serial bytes as they come, until QEMU closes its end.
fn forward(mut serial: UnixStream, mut output: impl Write, events: &Sender<Event>) {
    let mut bytes = [0; 4096];
    let mut last = b'\n';
    let end = loop {
        match serial.read(&mut bytes) {
            Ok(0) => break Event::SerialClosed,
            Ok(count) => {
                last = bytes[count - 1];
                let written = output.write_all(&bytes[..count]);
                if let Err(error) = written.and_then(|()| output.flush()) {
                    break Event::OutputFailed(error);
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // A QEMU that was killed leaves a broken connection instead of a closed one.
            Err(_) => break Event::SerialClosed,
        }
    };
    if last != b'\n' {
        // The guest stopped within a line; what the runner says next begins one of its own.
        eprintln!();
    }
    // The receiver may have gone, with nobody left to tell.
    events.send(end).ok();
}
