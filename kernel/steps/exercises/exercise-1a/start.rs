//! Exercise 1a ★: lines end with CR LF.
//!
//! A terminal takes a line feed (LF, `\n`) literally: one line down, in the same
//! column. The carriage return (CR, `\r`) moves to the first column. So a new line
//! on a serial port is CR and then LF, and Rust's `\n` is LF alone. Step 1 does not
//! notice, because the crate `uart_16550` sends the CR by itself.
//!
//! Let `write_str` send CR LF for every LF, wherever in the text it is.
//!
//! Hint: `write!` hands its text over in several pieces. Look at each byte, not at
//! the end of a piece.

use core::fmt::{self, Write};

/// A terminal. `send` takes one byte to it.
pub struct Terminal<F: FnMut(u8)> {
    pub send: F,
}

impl<F: FnMut(u8)> Write for Terminal<F> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            (self.send)(byte);
        }
        if text.ends_with('\n') {
            (self.send)(b'\r');
        }
        Ok(())
    }
}
