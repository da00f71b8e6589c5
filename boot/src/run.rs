//! One run of QEMU: start, stream the guest's serial bytes, and end it, whatever happens.
//!
//! Three threads send [`Event`]s to the one that owns QEMU: the serial reader
//! (its end is QEMU's end), the signals, and the clock as the receiver's
//! timeout. QEMU is killed when [`Qemu`] is dropped, and on Linux by the system
//! when `boot` dies without the chance to drop anything.

use std::ffi::OsString;
use std::io::{self, ErrorKind, Read as _, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::control::Control;
use crate::status::Outcome;

/// How long the last serial bytes may take to get out after QEMU was ended.
const LAST_BYTES: Duration = Duration::from_secs(1);

enum Event {
    /// QEMU closed the serial port: it ends or has ended
    SerialClosed,
    /// The guest's bytes can no longer be written to standard output
    OutputFailed(io::Error),
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

/// Starts QEMU, writes the guest's serial bytes to `output`, and waits for the end.
///
/// `let_run` is asked after QEMU is ready and before the guest's first instruction; the guest stays
/// stopped (for gdb) when it says no.
///
/// # Errors
/// QEMU cannot be started or does not answer; the guest's bytes cannot be written.
pub fn run(
    program: &str,
    arguments: &[OsString],
    connections: Connections,
    timeout: Option<u64>,
    let_run: impl FnOnce() -> bool,
    output: impl Write + Send + 'static,
) -> Result<Outcome> {
    let (sender, events) = channel();
    let mut signals =
        Signals::new([SIGINT, SIGTERM, SIGHUP]).context("signals cannot be received")?;
    let on_signal = sender.clone();
    thread::spawn(move || {
        for signal in signals.forever() {
            on_signal.send(Event::Signal(signal)).ok();
        }
    });

    let started = Instant::now();
    let mut qemu = Qemu::start(program, arguments)?;
    let Connections {
        serial,
        control,
        of_qemu,
    } = connections;
    drop(of_qemu);
    thread::spawn(move || forward(serial, output, &sender));

    let mut control = match Control::connect(control) {
        Ok(control) => control,
        Err(error) => {
            let status = qemu.0.try_wait().ok().flatten();
            qemu.kill();
            return Err(match status {
                Some(status) => {
                    anyhow!("QEMU could not start the machine ({status}); its own words are above")
                }
                None => error,
            });
        }
    };
    if let_run() {
        control.start_guest()?;
    }
    let deadline = timeout.map(|seconds| (started + Duration::from_secs(seconds), seconds));
    let end = next_event(&events, deadline);
    match end {
        End::Event(Event::SerialClosed) => {
            let status = qemu.wait()?;
            Ok(Outcome::of_qemu(status, control.shutdown_cause()))
        }
        End::Event(Event::OutputFailed(error)) => {
            qemu.kill();
            Err(anyhow!(
                "the guest's output could not be written, so QEMU was ended: {error}"
            ))
        }
        End::Event(Event::Signal(signal)) => {
            qemu.kill();
            await_last_bytes(&events);
            Ok(Outcome::Interrupted(signal))
        }
        End::Timeout(seconds) => {
            qemu.kill();
            await_last_bytes(&events);
            Ok(Outcome::Timeout(seconds))
        }
    }
}

enum End {
    Event(Event),
    Timeout(u64),
}

fn next_event(events: &Receiver<Event>, deadline: Option<(Instant, u64)>) -> End {
    let received = match deadline {
        None => events.recv().map_err(|_| RecvTimeoutError::Disconnected),
        Some((at, _)) => events.recv_timeout(at.saturating_duration_since(Instant::now())),
    };
    match (received, deadline) {
        (Ok(event), _) => End::Event(event),
        (Err(RecvTimeoutError::Timeout), Some((_, seconds))) => End::Timeout(seconds),
        // Without senders nobody reads the serial port any more.
        (Err(_), _) => End::Event(Event::SerialClosed),
    }
}

/// QEMU is gone, and what it had sent is on its way through the serial reader.
fn await_last_bytes(events: &Receiver<Event>) {
    let until = Instant::now() + LAST_BYTES;
    while let Ok(event) = events.recv_timeout(until.saturating_duration_since(Instant::now())) {
        if matches!(event, Event::SerialClosed | Event::OutputFailed(_)) {
            return;
        }
    }
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
