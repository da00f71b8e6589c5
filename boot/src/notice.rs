//! One line on standard error while a person waits for the kernel, gone when it starts.
//!
//! Who prints next calls [`Notice::clear`] first, so the line never stands
//! beside somebody else's.

use std::io::{self, IsTerminal as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use crate::say;

/// A start that takes longer is worth a word to who looks on.
const SLOW: Duration = Duration::from_secs(2);

/// A kernel that has not started by then hardly will, which is worth a word to everybody.
const STUCK: Duration = Duration::from_secs(60);

/// The line that says what is waited for.
#[derive(Debug, Default)]
pub struct Notice(Option<Waiting>);

#[derive(Debug)]
struct Waiting {
    shown: Arc<Mutex<bool>>,
    /// Dropped when the wait is over
    over: Sender<()>,
}

impl Notice {
    /// Says after 2 seconds that the kernel is waited for, if somebody looks (standard error is a
    /// terminal), and after a minute to everybody that none has started.
    #[must_use]
    pub fn after_a_while() -> Self {
        let (over, waiting) = bounded(0);
        let shown = Arc::new(Mutex::new(false));
        let speaker = Speaker {
            shown: Arc::clone(&shown),
            waiting,
        };
        thread::spawn(move || {
            let mut patience = STUCK;
            if io::stderr().is_terminal() {
                speaker.say_after(SLOW, "boot: waiting for the kernel ...", true);
                patience -= SLOW;
            }
            let stuck = "boot: no kernel has started for a minute; --timeout ends such a run\n";
            speaker.say_after(patience, stuck, false);
        });
        Self(Some(Waiting { shown, over }))
    }

    /// Takes the line away, or sees to it that it never comes.
    pub fn clear(&mut self) {
        if let Some(Waiting { shown, over }) = self.0.take() {
            let mut shown = shown.lock().unwrap_or_else(PoisonError::into_inner);
            drop(over);
            clear(&mut shown);
        }
    }
}

/// Who says it.
struct Speaker {
    shown: Arc<Mutex<bool>>,
    waiting: Receiver<()>,
}

impl Speaker {
    /// Says something if the wait goes on so long. What is `passing` is taken away again.
    fn say_after(&self, patience: Duration, words: &str, passing: bool) {
        if self.is_over_within(patience) {
            return;
        }
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        // The wait may have ended before the lock was there.
        if !self.is_over_within(Duration::ZERO) {
            clear(&mut shown);
            say::raw(words);
            *shown = passing;
        }
    }

    fn is_over_within(&self, patience: Duration) -> bool {
        self.waiting.recv_timeout(patience) != Err(RecvTimeoutError::Timeout)
    }
}

/// Takes a line away that is shown.
fn clear(shown: &mut bool) {
    if std::mem::take(shown) {
        say::raw("\r\x1b[K");
    }
}

impl Drop for Notice {
    fn drop(&mut self) {
        self.clear();
    }
}
