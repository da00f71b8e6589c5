//! A person's terminal as the guest's keyboard.
//!
//! While the guest runs, every key goes to it as it is typed, since the guest
//! edits its own lines: the terminal neither echoes nor collects lines, and
//! Ctrl-C is a byte. The guest is told the terminal's width, at first and whenever it changes, by
//! the report that xterm gives. So that a person can always get out, the second Ctrl-C
//! within a second ends QEMU, and before the first prompt (nobody listens yet)
//! the first one does. Output is left as it was: other lines than the guest's
//! still end where they should.

use std::io::{self, Cursor, IsTerminal as _, Read};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};
use rustix::termios::{
    InputModes, LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize,
    tcsetattr,
};
use signal_hook::consts::SIGWINCH;
use signal_hook::iterator::Signals;

use crate::event::{self, Event};
use crate::prompt::Prompts;

/// What Ctrl-C sends.
const CTRL_C: u8 = 0x03;

/// Two presses within this time end QEMU.
const TWICE: Duration = Duration::from_secs(1);

/// Whether standard input is a terminal.
#[must_use]
pub fn is_there() -> bool {
    io::stdin().is_terminal()
}

/// The terminal on standard input in the state for keys; as it was before, once this is dropped.
pub struct Keys {
    before: Termios,
}

impl Keys {
    /// Lets every key through as it is typed.
    ///
    /// # Errors
    /// The terminal is gone or refuses.
    pub fn grab() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut modes = before.clone();
        modes.input_modes -= InputModes::BRKINT
            | InputModes::ICRNL
            | InputModes::INLCR
            | InputModes::IGNCR
            | InputModes::INPCK
            | InputModes::ISTRIP
            | InputModes::IXON;
        modes.local_modes -= LocalModes::ECHO
            | LocalModes::ECHONL
            | LocalModes::ICANON
            | LocalModes::ISIG
            | LocalModes::IEXTEN;
        modes.special_codes[SpecialCodeIndex::VMIN] = 1;
        modes.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(io::stdin(), OptionalActions::Now, &modes)?;
        Ok(Self { before })
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        // What was typed for the guest and not taken by it is thrown away: the shell must not run it.
        // A terminal that is gone needs nothing.
        tcsetattr(io::stdin(), OptionalActions::Flush, &self.before).ok();
    }
}

/// The keys that are pressed from now on, as bytes; their end is that of the terminal.
pub(crate) fn listen(prompts: Arc<Prompts>, events: &Sender<Event>) -> impl Read + Send + use<> {
    let (sender, pressed) = unbounded();
    tell_width(sender.clone());
    // A thread of its own: Ctrl-C must be seen while the typist waits for the guest.
    event::spawn(events, move |events| {
        let mut presses = Presses::default();
        let mut bytes = [0; 1024];
        while let Ok(count @ 1..) = io::stdin().lock().read(&mut bytes) {
            let typed = &bytes[..count];
            let now = Instant::now();
            let times = typed.iter().filter(|byte| **byte == CTRL_C).count();
            if (0..times).any(|_| presses.is_second(now) || prompts.seen() == 0) {
                // The receiver is gone when the run has ended for another reason.
                events.send(Event::CtrlC).ok();
                return;
            }
            if sender.send(typed.to_vec()).is_err() {
                return;
            }
        }
        sender.send(Vec::new()).ok();
    });
    Pressed {
        pressed,
        rest: Cursor::default(),
    }
}

/// Sends the terminal's size, at once and whenever it has changed.
fn tell_width(sender: Sender<Vec<u8>>) {
    let tell = move || match size_report() {
        Some(report) => sender.send(report).is_ok(),
        None => true,
    };
    // Where no signal can be received the first report is the last.
    if let (true, Ok(mut changes)) = (tell(), Signals::new([SIGWINCH])) {
        thread::spawn(move || changes.forever().all(|_| tell()));
    }
}

/// The size in characters, as xterm reports it when it is asked by `CSI 18 t`; `None` where
/// nobody knows it.
fn size_report() -> Option<Vec<u8>> {
    let size = tcgetwinsize(io::stdin()).ok()?;
    let report = format!("\x1b[8;{};{}t", size.ws_row, size.ws_col);
    (size.ws_col > 0).then(|| report.into_bytes())
}

/// Keys on their way to the typist.
struct Pressed {
    pressed: Receiver<Vec<u8>>,
    rest: Cursor<Vec<u8>>,
}

impl Read for Pressed {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if self.rest.position() == self.rest.get_ref().len() as u64 {
            // No keys at all: the terminal is gone, and nothing is left to read.
            self.rest = Cursor::new(self.pressed.recv().unwrap_or_default());
        }
        self.rest.read(bytes)
    }
}

/// When Ctrl-C was pressed last.
#[derive(Debug, Default)]
struct Presses(Option<Instant>);

impl Presses {
    /// Takes note of a press; whether it follows another one closely.
    fn is_second(&mut self, now: Instant) -> bool {
        let before = self.0.replace(now);
        before.is_some_and(|before| now.saturating_duration_since(before) <= TWICE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_second_ctrl_c_within_a_second_counts() {
        let start = Instant::now();
        let mut presses = Presses::default();
        assert!(!presses.is_second(start));
        assert!(!presses.is_second(start + Duration::from_millis(1001)));
        assert!(presses.is_second(start + Duration::from_millis(2001)));
    }
}
