//! One run of QEMU: start, stream the guest's serial bytes, and end it, whatever happens.
//!
//! Three threads send [`Event`]s to the one that owns QEMU: the serial reader
//! (its end is QEMU's end), the control connection, and the signals; the clock
//! is the receiver's timeout. QEMU is killed when [`Qemu`] is dropped, and on
//! Linux by the system when `boot` dies without the chance to drop anything.

use std::ffi::OsString;
use std::io::{self, ErrorKind, Read as _, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::control::{Control, Shutdown};
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

/// A running QEMU, killed when dropped.
struct Qemu(Child);

impl Qemu {
    fn start(program: &str, arguments: &[OsString]) -> Result<Self> {
        let mut command = Command::new(program);
        command.args(arguments);
        // Whatever QEMU prints is not the guest's, so it belongs on standard error.
        command
            .stdin(Stdio::null())
            .stdout(Stdio::from(io::stderr()));
        // A group of its own: Ctrl-C reaches `boot`, which then ends QEMU in order.
        command.process_group(0);
        die_with_parent(&mut command);
        command
            .spawn()
            .map(Self)
            .map_err(|error| match error.kind() {
                ErrorKind::NotFound => {
                    anyhow!("{program} was not found: run ./setup, which installs it")
                }
                _ => anyhow!("{program} could not be started: {error}"),
            })
    }

    fn wait(&mut self) -> Result<ExitStatus> {
        self.0
            .wait()
            .context("QEMU's exit status could not be read")
    }

    /// Makes one error of a QEMU that never became ready.
    fn failed_at_start(&mut self, error: anyhow::Error) -> anyhow::Error {
        match self.0.try_wait() {
            Ok(Some(status)) => {
                anyhow!("QEMU could not start the machine ({status}); its own words are above")
            }
            _ => error,
        }
    }

    /// Ends QEMU now. It has nothing to save: its disk is a snapshot.
    fn kill(&mut self) {
        // An error means that it has ended already, which is what was wanted.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        self.kill();
    }
}

#[cfg(target_os = "linux")]
fn die_with_parent(command: &mut Command) {
    use rustix::process::{Signal, getppid, set_parent_process_death_signal};

    let parent = rustix::process::getpid();
    let in_child = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // The parent may have died before the call above.
        if getppid() != Some(parent) {
            return Err(io::Error::other("boot ended while it started QEMU"));
        }
        Ok(())
    };
    // SAFETY: the closure runs between fork and exec, where only what is async-signal-safe is
    // allowed: it makes two plain system calls, and on success neither allocates nor takes a lock
    // (`io::Error::other` allocates only when the parent, and all its threads, are gone).
    unsafe { command.pre_exec(in_child) };
}

#[cfg(not(target_os = "linux"))]
fn die_with_parent(_command: &mut Command) {}

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
    let mut qemu = Qemu::start(program, arguments)?;
    let Connections {
        serial,
        control,
        of_qemu,
    } = connections;
    drop(of_qemu);
    let on_serial = sender.clone();
    thread::spawn(move || forward(serial, output, &on_serial));
    let mut control = Control::connect(control).map_err(|error| qemu.failed_at_start(error))?;
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
    let end = loop {
        match serial.read(&mut bytes) {
            Ok(0) => break Event::SerialClosed,
            Ok(count) => {
                if let Err(error) = output
                    .write_all(&bytes[..count])
                    .and_then(|()| output.flush())
                {
                    break Event::OutputFailed(error);
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // A QEMU that was killed leaves a broken connection instead of a closed one.
            Err(_) => break Event::SerialClosed,
        }
    };
    // The receiver may have gone, with nobody left to tell.
    events.send(end).ok();
}
