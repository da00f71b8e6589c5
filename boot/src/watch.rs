//! The guards of a run from `boot`'s first moment to its last: the clock, signals, and readers that are gone.
//!
//! Whatever may take long (a file that nobody writes, a disk that does not
//! answer, a QEMU that hangs, a terminal that takes no more) runs on a thread
//! of its own, and the main thread waits for it here and nowhere else. So every
//! wait ends when the clock, a signal or a closed pipe says so, and what must be
//! given back (QEMU, the terminal, the scratch folder) belongs to the main thread.

use std::cell::Cell;
use std::io::{self, IsTerminal as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use crossbeam_channel::{Receiver, Sender, at, bounded, never, select_biased, unbounded};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use signal_hook::consts::{SIGHUP, SIGINT, SIGPIPE, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::say;
use crate::status::{Early, Outcome};

/// What is left to be done after a guard has spoken may take so long.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// So long is waited for what is being made when a guard speaks.
const MOMENT: Duration = Duration::from_millis(100);

/// What is said when a thread of `boot` panicked; its own words came before.
pub(crate) const PANICKED: &str = "boot itself is at fault: a part of it panicked";

/// The guards of one `boot`.
pub struct Watch {
    signals: Receiver<i32>,
    timeout: Option<u64>,
    deadline: Option<Instant>,
    over: Cell<bool>,
}

/// What came first.
pub(crate) enum Next<T> {
    Message(T),
    /// One of the guards ends the run in this way
    Guard(Outcome),
    /// The caller's own limit
    Limit,
}

impl Watch {
    /// Starts the clock, and listens to signals. A number of seconds that no clock can count is no limit.
    ///
    /// # Errors
    /// The system hands out no signals.
    pub fn start(timeout: Option<u64>) -> Result<Self> {
        let now = Instant::now();
        let (sender, receiver) = unbounded();
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGQUIT])
            .context("signals cannot be received")?;
        let on_signal = sender.clone();
        thread::spawn(move || {
            signals
                .forever()
                .try_for_each(|signal| on_signal.send(signal))
        });
        thread::spawn(move || report_closed_pipe(&sender));
        Ok(Self {
            signals: receiver,
            timeout,
            deadline: timeout.and_then(|seconds| now.checked_add(Duration::from_secs(seconds))),
            over: Cell::new(false),
        })
    }

    /// Waits for a message, a guard, or the caller's own limit.
    pub(crate) fn next<T>(&self, messages: &Receiver<T>, limit: Option<Instant>) -> Next<T> {
        let limit = limit.map_or_else(never, at);
        let deadline = match (self.over.get(), self.deadline) {
            (true, _) => at(Instant::now() + LAST_WORDS),
            (false, Some(deadline)) => at(deadline),
            (false, None) => never(),
        };
        let outcome = select_biased! {
            recv(self.signals) -> signal => Outcome::Interrupted(signal.unwrap_or(SIGTERM)),
            recv(messages) -> message => match message {
                Ok(message) => return Next::Message(message),
                Err(_) => return Next::Limit,
            },
            recv(limit) -> _ => return Next::Limit,
            recv(deadline) -> _ => Outcome::Timeout(self.timeout.unwrap_or_default()),
        };
        self.over.set(true);
        Next::Guard(outcome)
    }

    /// Does what may take long and is no run of a machine yet.
    ///
    /// # Errors
    /// Those of `work`, and [`Early`] when a guard spoke before it was done.
    pub fn during<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (done, result) = bounded(1);
        thread::spawn(move || {
            let result = catch_unwind(AssertUnwindSafe(work));
            done.send(result.unwrap_or_else(|_| Err(anyhow!(PANICKED))))
        });
        let next = self.next(&result, None);
        if let Next::Guard(_) = next {
            // What it makes just now, a folder for example, is dropped and not left behind.
            result.recv_timeout(MOMENT).ok();
        }
        match next {
            Next::Message(result) => result,
            Next::Guard(Outcome::Timeout(seconds)) => {
                Err(Early(Outcome::TimeoutBefore(seconds)).into())
            }
            Next::Guard(outcome) => Err(Early(outcome).into()),
            Next::Limit => Err(anyhow!(PANICKED)),
        }
    }

    /// Says something, unless standard error takes it neither now nor before the run must be over.
    pub fn say(&self, text: String) {
        self.during(move || {
            say::raw(&text);
            Ok(())
        })
        .ok();
    }
}

/// Reports as SIGPIPE, which Rust's programs ignore, that a pipe or socket which `boot` writes to
/// lost its reader. That a terminal is gone is told by SIGHUP.
fn report_closed_pipe(signals: &Sender<i32>) {
    let (output, error) = (io::stdout(), io::stderr());
    let pipes: Vec<BorrowedFd<'_>> = [output.as_fd(), error.as_fd()]
        .into_iter()
        .filter(|stream| !stream.is_terminal())
        .collect();
    let mut polled: Vec<_> = pipes
        .iter()
        .map(|stream| PollFd::new(stream, PollFlags::empty()))
        .collect();
    while poll(&mut polled, None) == Err(Errno::INTR) {}
    let gone = PollFlags::ERR | PollFlags::HUP;
    if polled
        .iter()
        .any(|stream| stream.revents().intersects(gone))
    {
        signals.send(SIGPIPE).ok();
    }
}
