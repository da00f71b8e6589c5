//! The guest's serial bytes on their way to standard output.
//!
//! They pass as they come, without what the firmware said before the kernel
//! ([`Opening`]), and are shown to [`Prompts`] after they were written, so that
//! what is typed at a prompt never overtakes it.

use std::io::{ErrorKind, Read as _, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use crossbeam_channel::Sender;

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

/// What is known of the guest's words once they are over. By default nothing is.
#[derive(Debug, Default)]
pub struct Heard {
    /// Whether no kernel began to talk
    pub no_kernel: bool,
    /// What a firmware said that started no kernel
    pub firmware: Option<String>,
    /// Whether the guest stopped within a line, so that the next word begins one of its own
    pub within_line: bool,
}

impl<W: Write> Output<W> {
    /// Copies what comes until QEMU closes its end, and says so.
    pub(crate) fn forward(mut self, mut serial: UnixStream, events: &Sender<Event>) {
        let mut bytes = [0; 4096];
        let mut last = b'\n';
        let mut given_up = false;
        let failure = loop {
            match serial.read(&mut bytes) {
                Ok(0) => break None,
                Ok(count) => {
                    let shown = self.opening.take(&bytes[..count]);
                    if self.opening.has_started() {
                        self.notice.clear();
                    } else if !given_up && let Some(reason) = self.opening.gives_up() {
                        given_up = true;
                        events.send(Event::NoKernel(reason)).ok();
                    }
                    last = shown.last().copied().unwrap_or(last);
                    let written = self.to.write_all(&shown);
                    if let Err(error) = written.and_then(|()| self.to.flush()) {
                        break Some(error);
                    }
                    self.prompts.observe(&shown);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // A QEMU that was killed leaves a broken connection instead of a closed one.
                Err(_) => break None,
            }
        };
        self.notice.clear();
        self.prompts.close();
        let heard = Heard {
            no_kernel: !self.opening.has_started(),
            firmware: self.opening.unheard(),
            within_line: last != b'\n',
        };
        // The receiver may be gone, and then nobody needs to know.
        events
            .send(match failure {
                None => Event::SerialClosed(heard),
                Some(error) => Event::OutputFailed(error),
            })
            .ok();
    }
}
