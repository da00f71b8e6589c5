//! The guest's serial bytes on their way to standard output.
//!
//! They pass as they come, without what the firmware said before the kernel
//! ([`Opening`]), and are shown to [`Prompts`] after they were written, so that
//! what is typed at a prompt never overtakes it.

use std::io::{ErrorKind, Read as _, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use crate::event::Event;
use crate::notice::Notice;
use crate::opening::Opening;
use crate::prompt::Prompts;

/// What the serial reader works with.
pub(crate) struct Output<W> {
    pub(crate) to: W,
    pub(crate) opening: Opening,
    pub(crate) notice: Notice,
    pub(crate) prompts: Arc<Prompts>,
}

impl<W: Write> Output<W> {
    /// Copies what comes until QEMU closes its end, and says so.
    pub(crate) fn forward(mut self, mut serial: UnixStream, events: &Sender<Event>) {
        let mut bytes = [0; 4096];
        let mut last = b'\n';
        let end = loop {
            match serial.read(&mut bytes) {
                Ok(0) => break Event::SerialClosed,
                Ok(count) => {
                    let shown = self.opening.take(&bytes[..count]);
                    if self.opening.has_started() {
                        self.notice.clear();
                    }
                    last = shown.last().copied().unwrap_or(last);
                    let written = self.to.write_all(&shown);
                    if let Err(error) = written.and_then(|()| self.to.flush()) {
                        break Event::OutputFailed(error);
                    }
                    self.prompts.observe(&shown);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // A QEMU that was killed leaves a broken connection instead of a closed one.
                Err(_) => break Event::SerialClosed,
            }
        };
        self.notice.clear();
        self.prompts.close();
        if last != b'\n' {
            // The guest stopped within a line; what the runner says next begins one of its own.
            eprintln!();
        }
        if let Some(text) = self.opening.unheard() {
            eprintln!("boot: no kernel started; the firmware said\n{text}");
        }
        // The receiver may be gone, and then nobody needs to know.
        events.send(end).ok();
    }
}
