//! Solution of exercise 1a: lines end with CR LF.

use core::fmt::{self, Write};

/// A terminal. `send` takes one byte to it.
pub struct Terminal<F: FnMut(u8)> {
    pub send: F,
}

impl<F: FnMut(u8)> Write for Terminal<F> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            // Before the LF: a slow terminal moves its head while the LF comes.
            // Within the loop, because a piece may hold several lines.
            if byte == b'\n' {
                (self.send)(b'\r');
            }
            (self.send)(byte);
        }
        Ok(())
    }
}
