//! The control connection to QEMU (its QMP protocol): starts the guest, and learns why it stopped.
//!
//! QEMU's exit status alone cannot tell a triple fault from a closed window:
//! both are 0. The event SHUTDOWN can. QEMU is started with the guest stopped,
//! so that no event comes before somebody listens, and with `-action
//! shutdown=pause`, so that after the guest's end its processor can still be
//! looked at; [`Control::await_shutdown`] then lets QEMU go.

use std::io::{self, BufRead as _, BufReader, BufWriter, ErrorKind};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use qapi::qmp::{self, Event, QmpCommand, ShutdownCause};
use qapi::{Qmp, Stream};

/// QEMU answers in milliseconds, or is broken.
pub(crate) const ANSWER: Duration = Duration::from_secs(20);

/// A connection over which QEMU takes commands and reports events.
pub struct Control {
    qmp: Qmp<Stream<BufReader<UnixStream>, BufWriter<UnixStream>>>,
}

impl Control {
    /// Greets a QEMU that holds the other end of `stream`, and waits for its answer.
    ///
    /// # Errors
    /// QEMU ended before it answered (see [`is_end`]), or answered what is no QMP.
    pub fn connect(stream: UnixStream) -> io::Result<Self> {
        let (reader, writer) = (BufReader::new(stream.try_clone()?), BufWriter::new(stream));
        let mut qmp = Qmp::new(Stream::new(reader, writer));
        // The library takes the end of the connection here for a fault of its own, and panics.
        if qmp.inner_mut().fill_buf()?.is_empty() {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        qmp.handshake()?;
        Ok(Self { qmp })
    }

    /// From now on an answer that takes too long is an error.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn expect_answers(&mut self) -> io::Result<()> {
        let stream = self.qmp.inner_mut().get_mut_read().get_ref();
        stream.set_read_timeout(Some(ANSWER))
    }

    /// Lets the processors run.
    ///
    /// # Errors
    /// QEMU refused, or ended.
    pub fn start_guest(&mut self) -> io::Result<()> {
        self.qmp.execute(&qmp::cont {})?;
        Ok(())
    }

    /// The answer of QEMU to a command.
    ///
    /// # Errors
    /// QEMU has ended, or refuses.
    pub(crate) fn execute<C: QmpCommand>(&mut self, command: &C) -> io::Result<C::Ok> {
        Ok(self.qmp.execute(command)?)
    }

    /// The answer of QEMU's monitor for people to `question`, such as `info mem`.
    ///
    /// # Errors
    /// QEMU has ended, or does not know the question.
    pub fn ask(&mut self, question: &str) -> io::Result<String> {
        let command = qmp::human_monitor_command {
            cpu_index: None,
            command_line: question.to_owned(),
        };
        Ok(self.qmp.execute(&command)?)
    }

    /// Writes the guest's screen to `file` as PPM.
    ///
    /// # Errors
    /// QEMU has ended, or can write no picture there.
    pub fn screendump(&mut self, file: &Path) -> Result<()> {
        let filename = file.to_str().with_context(|| {
            format!(
                "QEMU takes no file name that is no UTF-8: {}",
                file.display()
            )
        })?;
        let command = qmp::screendump {
            filename: filename.to_owned(),
            device: None,
            head: None,
            format: None,
        };
        self.qmp
            .execute(&command)
            .context("QEMU took no picture of the screen")?;
        Ok(())
    }

    /// Waits for the guest's end, and then lets QEMU end too.
    ///
    /// `None` when QEMU ended without an event, as its older versions do when the guest uses the
    /// debug-exit port.
    #[must_use]
    pub fn await_shutdown(mut self) -> Option<Shutdown> {
        let cause = self.next_shutdown()?;
        self.expect_answers().ok()?;
        let registers = matches!(cause, ShutdownCause::guest_reset)
            .then(|| self.ask("info registers").ok())
            .flatten();
        // QEMU may have gone by itself, which is as well.
        self.qmp.execute(&qmp::quit {}).ok();
        Some(Shutdown { cause, registers })
    }

    /// The cause in the next SHUTDOWN event. Other messages, also those that a later QEMU has and
    /// the library does not know, are passed over.
    fn next_shutdown(&mut self) -> Option<ShutdownCause> {
        let cause = |event| match event {
            Event::SHUTDOWN { data, .. } => Some(data.reason),
            _ => None,
        };
        if let Some(cause) = self.qmp.events().find_map(cause) {
            return Some(cause);
        }
        let mut line = String::new();
        while self.qmp.inner_mut().read_line(&mut line).ok()? > 0 {
            if let Some(cause) = serde_json::from_str(&line).ok().and_then(cause) {
                return Some(cause);
            }
            line.clear();
        }
        None
    }
}

/// Whether an error of a connection means that QEMU closed its end: it has ended, or ends.
#[must_use]
pub fn is_end(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof
    )
}

/// Why the guest stopped.
#[derive(Debug, Clone)]
pub struct Shutdown {
    /// In QEMU's word
    pub cause: ShutdownCause,
    /// The first processor's registers as QEMU prints them, after a reset
    pub registers: Option<String>,
}

/// The two ends of a connection; the second is for a child process and open in it after its start.
///
/// # Errors
/// The system has no more descriptors.
pub fn connection() -> io::Result<(UnixStream, UnixStream)> {
    let (ours, theirs) = UnixStream::pair()?;
    Ok((ours, inherited(theirs)?))
}

/// A descriptor that is open, under the same number, in every process which is started while it lives.
///
/// # Errors
/// The system refuses.
pub fn inherited<D: AsFd>(descriptor: D) -> io::Result<D> {
    rustix::io::fcntl_setfd(&descriptor, rustix::io::FdFlags::empty())?;
    Ok(descriptor)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::thread;

    use super::*;

    const GREETING: &str = r#"{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": ""}, "capabilities": ["oob"]}}"#;

    /// A QEMU that says `lines` once the guest runs, and answers every command; against what is learned from it.
    fn shutdown_after(lines: &'static [&str]) -> (Option<Shutdown>, Vec<String>) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let qemu = thread::spawn(move || {
            let mut writer = theirs.try_clone().unwrap();
            let mut answer =
                |line: &str| writer.write_all(format!("{line}\r\n").as_bytes()).unwrap();
            answer(GREETING);
            let mut commands = Vec::new();
            for command in BufReader::new(theirs).lines() {
                let command: serde_json::Value = serde_json::from_str(&command.unwrap()).unwrap();
                commands.push(command["execute"].as_str().unwrap().to_owned());
                match commands.last().unwrap().as_str() {
                    "human-monitor-command" => answer(r#"{"return": "RIP=0000000000001234\r\n"}"#),
                    _ => answer(r#"{"return": {}}"#),
                }
                if commands.last().unwrap() == "cont" {
                    lines.iter().for_each(|line| answer(line));
                    if lines.is_empty() {
                        break;
                    }
                }
            }
            commands
        });
        let mut control = Control::connect(ours).unwrap();
        control.start_guest().unwrap();
        let shutdown = control.await_shutdown();
        (shutdown, qemu.join().unwrap())
    }

    #[test]
    fn after_a_reset_the_registers_are_read_before_qemu_may_go() {
        let (shutdown, commands) = shutdown_after(&[
            r#"{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "RESUME"}"#,
            r#"{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "SHUTDOWN", "data": {"guest": true, "reason": "guest-reset"}}"#,
        ]);
        let shutdown = shutdown.unwrap();
        assert!(matches!(shutdown.cause, ShutdownCause::guest_reset));
        assert_eq!(
            shutdown.registers.as_deref(),
            Some("RIP=0000000000001234\r\n")
        );
        assert_eq!(
            commands,
            ["qmp_capabilities", "cont", "human-monitor-command", "quit"]
        );
    }

    #[test]
    fn a_closed_window_is_no_reset() {
        let (shutdown, commands) = shutdown_after(&[
            r#"{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "SHUTDOWN", "data": {"guest": false, "reason": "host-ui"}}"#,
        ]);
        assert!(matches!(shutdown.unwrap().cause, ShutdownCause::host_ui));
        assert_eq!(commands, ["qmp_capabilities", "cont", "quit"]);
    }

    #[test]
    fn events_that_are_not_known_do_not_hide_the_one_that_counts() {
        let (shutdown, _) = shutdown_after(&[
            r#"{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "OF_A_LATER_QEMU", "data": {}}"#,
            r#"{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "SHUTDOWN", "data": {"guest": false, "reason": "host-signal"}}"#,
        ]);
        assert!(matches!(
            shutdown.unwrap().cause,
            ShutdownCause::host_signal
        ));
    }

    #[test]
    fn an_end_without_an_event_has_no_cause() {
        assert!(shutdown_after(&[]).0.is_none());
    }

    #[test]
    fn a_qemu_that_ends_before_its_greeting_or_resets_the_connection_has_ended() {
        let (ours, qemu) = UnixStream::pair().unwrap();
        drop(qemu);
        assert!(is_end(&Control::connect(ours).map(drop).unwrap_err()));

        // What is closed with something unread in it is reset.
        let (mut ours, qemu) = UnixStream::pair().unwrap();
        ours.write_all(b"unread").unwrap();
        drop(qemu);
        let error = Control::connect(ours).map(drop).unwrap_err();
        assert!(is_end(&error), "{error}");
    }
}
