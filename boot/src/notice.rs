//! One line on standard error while a person waits for the kernel, gone when it starts.
//!
//! Who prints next calls [`Notice::clear`] first, so the line never stands
//! beside somebody else's.

use std::io::{self, IsTerminal as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, Sender, bounded};

use crate::say;

/// A start that takes longer is worth a word.
const SLOW: Duration = Duration::from_secs(2);

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
    /// Says `words` after 2 seconds, if somebody looks: standard error is a terminal.
    #[must_use]
    pub fn after_a_while(words: &'static str) -> Self {
        if !io::stderr().is_terminal() {
            return Self(None);
        }
        let (over, waiting) = bounded::<()>(0);
        let shown = Arc::new(Mutex::new(false));
        let showing = Arc::clone(&shown);
        thread::spawn(move || {
            if waiting.recv_timeout(SLOW) == Err(RecvTimeoutError::Timeout) {
                let mut shown = showing.lock().unwrap_or_else(PoisonError::into_inner);
                // The wait may have ended before the lock was there.
                if waiting.recv_timeout(Duration::ZERO) == Err(RecvTimeoutError::Timeout) {
                    say::raw(&format!("boot: {words} ..."));
                    *shown = true;
                }
            }
        });
        Self(Some(Waiting { shown, over }))
    }

    /// Takes the line away, or sees to it that it never comes.
    pub fn clear(&mut self) {
        if let Some(Waiting { shown, over }) = self.0.take() {
            let shown = shown.lock().unwrap_or_else(PoisonError::into_inner);
            drop(over);
            if *shown {
                say::raw("\r\x1b[K");
            }
        }
    }
}

impl Drop for Notice {
    fn drop(&mut self) {
        self.clear();
    }
}
