//! What the threads of a run report to the one that owns QEMU.
//!
//! The serial reader, the keyboard and the typist send these; [`run`](mod@crate::run) starts them
//! all and receives.

use std::io;

use anyhow::Error;

use crate::control::Shutdown;

/// Something that a run must react to.
pub(crate) enum Event {
    /// QEMU closed the serial port: it ends or has ended
    SerialClosed,
    /// The guest's bytes can no longer be written to standard output
    OutputFailed(io::Error),
    /// The control connection is closed; the guest stopped for this reason, if QEMU gave one
    ControlClosed(Option<Shutdown>),
    /// `boot` must end: a signal, or Ctrl-C at the keyboard
    Signal(i32),
    /// The picture of the screen is written
    PictureTaken,
    /// Something that was asked for besides running failed
    Failed(Error),
}
