//! What the threads of a run report to the one that owns QEMU.
//!
//! The conversation with QEMU, the serial reader, the keyboard and the typist
//! send these; [`run`](mod@crate::run) starts them all and receives.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use anyhow::{Error, anyhow};
use crossbeam_channel::Sender;

use crate::control::Shutdown;
use crate::output::Heard;
use crate::watch::PANICKED;

/// Something that a run must react to.
pub(crate) enum Event {
    /// QEMU has made the machine, and lets it run unless gdb shall
    Started,
    /// QEMU closed the serial port: it ends or has ended
    SerialClosed(Heard),
    /// The guest's bytes can no longer be written to standard output
    OutputFailed(io::Error),
    /// The firmware says that it starts no kernel; why, as far as it can be told
    NoKernel(&'static str),
    /// The control connection is closed; the guest stopped for this reason, if QEMU gave one
    ControlClosed(Option<Shutdown>),
    /// Ctrl-C at the keyboard, meant for `boot`
    CtrlC,
    /// The picture of the screen is written
    PictureTaken,
    /// Something that was asked for besides running failed
    Failed(Error),
}

/// Starts a thread that reports to `events`, a panic of its own too.
pub(crate) fn spawn(events: &Sender<Event>, work: impl FnOnce(&Sender<Event>) + Send + 'static) {
    let events = events.clone();
    thread::spawn(move || {
        if catch_unwind(AssertUnwindSafe(|| work(&events))).is_err() {
            // The receiver is gone when the run has ended for another reason.
            events.send(Event::Failed(anyhow!(PANICKED))).ok();
        }
    });
}
