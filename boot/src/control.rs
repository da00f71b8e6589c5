//! The control connection to QEMU (its QMP protocol): starts the guest, and learns why QEMU ended.
//!
//! QEMU's exit status alone cannot tell a triple fault from a closed window:
//! both are 0. The event SHUTDOWN can. QEMU is started with the guest stopped,
//! so that no event comes before somebody listens.

use std::io::{self, BufRead as _, BufReader, BufWriter, ErrorKind};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use qapi::qmp::{self, Event, ShutdownCause};
use qapi::{ExecuteError, Qmp, Stream};

/// QEMU answers in milliseconds, or is broken.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// A connection over which QEMU takes commands and reports events.
pub struct Control {
    qmp: Qmp<Stream<BufReader<UnixStream>, BufWriter<UnixStream>>>,
}

impl Control {
    /// Greets a QEMU that holds the other end of `stream`.
    ///
    /// # Errors
    /// QEMU ended before it answered (a wrong argument, say), or answered what is no QMP.
    pub fn connect(stream: UnixStream) -> Result<Self> {
        stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        let (reader, writer) = (BufReader::new(stream.try_clone()?), BufWriter::new(stream));
        let mut qmp = Qmp::new(Stream::new(reader, writer));
        if qmp
            .inner_mut()
            .fill_buf()
            .context("QEMU did not answer")?
            .is_empty()
        {
            bail!("QEMU ended before it started the machine");
        }
        qmp.handshake()
            .context("QEMU's greeting was not understood")?;
        Ok(Self { qmp })
    }

    /// Lets the processors run.
    ///
    /// # Errors
    /// QEMU refused, or ended.
    pub fn start_guest(&mut self) -> Result<()> {
        self.qmp
            .execute(&qmp::cont {})
            .context("QEMU did not start the guest")?;
        Ok(())
    }

    /// Waits for QEMU's end and tells why it came; `None` when QEMU did not say.
    ///
    /// The guest's own exit (through the debug-exit port) ends some versions of QEMU without an event.
    #[must_use]
    pub fn shutdown_cause(mut self) -> Option<ShutdownCause> {
        let stream = self.qmp.inner_mut().get_mut_read().get_ref();
        stream.set_read_timeout(None).ok()?;
        // With no command under way every message is an event, and is queued. What cannot be
        // parsed (an event that is newer than the library) is passed over.
        while let Err(ExecuteError::Io(error)) = self.qmp.read_response::<qmp::cont>() {
            if !matches!(
                error.kind(),
                ErrorKind::InvalidData | ErrorKind::Interrupted
            ) {
                break;
            }
        }
        let mut events: Vec<_> = self.qmp.events().collect();
        events.drain(..).rev().find_map(|event| match event {
            Event::SHUTDOWN { data, .. } => Some(data.reason),
            _ => None,
        })
    }
}

/// The two ends of a connection; the second is for a child process and open in it after its start.
///
/// # Errors
/// The system has no more descriptors.
pub fn connection() -> io::Result<(UnixStream, UnixStream)> {
    let (ours, theirs) = UnixStream::pair()?;
    rustix::io::fcntl_setfd(&theirs, rustix::io::FdFlags::empty())?;
    Ok((ours, theirs))
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::thread;

    use super::*;

    const GREETING: &str = r#"{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": ""}, "capabilities": ["oob"]}}"#;

    /// What QEMU says after the guest was started, against the cause that is learned from it.
    fn cause_after(lines: &'static [&str]) -> Option<ShutdownCause> {
        let (ours, mut qemu) = UnixStream::pair().unwrap();
        let qemu = thread::spawn(move || {
            let mut answer = |line: &str| qemu.write_all(format!("{line}\r\n").as_bytes()).unwrap();
            answer(GREETING);
            answer(r#"{"return": {}}"#);
            answer(r#"{"return": {}}"#);
            lines.iter().for_each(|line| answer(line));
            qemu.shutdown(std::net::Shutdown::Write).unwrap();
            let mut heard = String::new();
            qemu.read_to_string(&mut heard).unwrap();
            heard
        });
        let mut control = Control::connect(ours).unwrap();
        control.start_guest().unwrap();
        let cause = control.shutdown_cause();
        let heard = qemu.join().unwrap();
        assert_eq!(heard.lines().count(), 2, "{heard}");
        assert!(
            heard.contains("qmp_capabilities") && heard.contains("cont"),
            "{heard}"
        );
        cause
    }

    #[test]
    fn a_reset_is_told_from_a_closed_window() {
        const RESET: &str = r#"{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "SHUTDOWN", "data": {"guest": true, "reason": "guest-reset"}}"#;
        const WINDOW: &str = r#"{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "SHUTDOWN", "data": {"guest": false, "reason": "host-ui"}}"#;
        assert!(matches!(
            cause_after(&[RESET]),
            Some(ShutdownCause::guest_reset)
        ));
        assert!(matches!(
            cause_after(&[WINDOW]),
            Some(ShutdownCause::host_ui)
        ));
    }

    #[test]
    fn events_that_are_not_known_do_not_hide_the_one_that_counts() {
        const UNKNOWN: &str = r#"{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "OF_A_LATER_QEMU", "data": {}}"#;
        const SIGNAL: &str = r#"{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "SHUTDOWN", "data": {"guest": false, "reason": "host-signal"}}"#;
        assert!(matches!(
            cause_after(&[UNKNOWN, SIGNAL]),
            Some(ShutdownCause::host_signal)
        ));
    }

    #[test]
    fn an_end_without_an_event_has_no_cause() {
        assert!(cause_after(&[]).is_none());
    }

    #[test]
    fn a_qemu_that_ends_before_its_greeting_is_an_error_and_no_panic() {
        let (ours, qemu) = UnixStream::pair().unwrap();
        drop(qemu);
        let error = Control::connect(ours).map(drop).unwrap_err().to_string();
        assert!(error.contains("ended before"), "{error}");
    }
}
