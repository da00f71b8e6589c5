//! Text out: the first serial port, the screen, and the log on both.
//!
//! One lock guards both devices. It is a leaf: nobody takes another lock under
//! it. What must be printed even when the lock is held, because the machine is
//! about to end, calls [`seize`] first. Serial output works from the first
//! instruction on; the screen joins with [`init`].

mod canvas;
mod framebuffer;
mod glyphs;
pub mod input;
mod log;
mod screen;
mod serial;
mod text;

pub use canvas::{CHARACTER_HEIGHT, CHARACTER_WIDTH, Canvas, INK, PAPER};
pub use framebuffer::Framebuffer;
pub(crate) use screen::Screen;

use crate::command_line;
use bootloader_api::info::FrameBuffer;
use core::fmt::{self, Write};
use core::sync::atomic::{AtomicBool, Ordering};
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::Rectangle;
use serial::Serial;
use spin::Mutex;
use text::Text;

struct Console {
    serial: Serial,
    screen: Screen,
    /// The text in what comes in bytes.
    text: Text,
    /// Characters since the last line end.
    column: usize,
}

static CONSOLE: Mutex<Console> = Mutex::new(Console {
    serial: Serial::new(),
    screen: Screen::new(),
    text: Text::new(),
    column: 0,
});

impl Console {
    fn print(&mut self, text: fmt::Arguments) {
        // A device that is not there takes everything: an error can only be
        // that of a value that does not let itself be formatted.
        let _ = self.write_fmt(text);
        self.screen.draw_rest();
    }

    fn print_bytes(&mut self, bytes: &[u8]) {
        self.serial.write(bytes);
        self.text.take(bytes, |text| self.screen.write(text));
        self.count(bytes);
        self.screen.draw_rest();
    }

    /// Counts what was written.
    fn count(&mut self, bytes: &[u8]) {
        let end = bytes.iter().rposition(|byte| *byte == b'\n');
        self.column = match end {
            Some(end) => bytes.len() - end - 1,
            None => self.column + bytes.len(),
        };
    }
}

impl Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.serial.write(text.as_bytes());
        self.screen.write(text);
        self.count(text.as_bytes());
        Ok(())
    }
}

/// Adds the screen, if there is one, and starts the log at the level of the word `log=LEVEL`.
/// `page` says where on a screen of some size text stands; the rest of it stays empty.
pub fn init(framebuffer: Option<FrameBuffer>, page: fn(Size) -> Rectangle) {
    if let Some(pixels) = framebuffer.and_then(Framebuffer::new) {
        let page = page(pixels.size());
        CONSOLE.lock().screen.attach(pixels, page);
    }
    log::init(command_line::get().value("log"));
}

/// Prints to serial port and screen; the work behind [`print!`](crate::print).
pub fn print(text: fmt::Arguments) {
    CONSOLE.lock().print(text);
}

/// Prints bytes that somebody else calls text: to the serial port as they are, with
/// line ends as everywhere, to the screen as far as they are text.
pub fn print_bytes(bytes: &[u8]) {
    CONSOLE.lock().print_bytes(bytes);
}

/// All of a screen: the page of a console that has it to itself.
#[must_use]
pub fn whole_screen(size: Size) -> Rectangle {
    Rectangle::new(Point::zero(), size)
}

/// Lets `work` draw beside the text; `None` without a screen. Nothing can be
/// printed meanwhile.
pub(crate) fn draw<R>(work: impl FnOnce(&mut Canvas<'_>) -> R) -> Option<R> {
    let mut console = CONSOLE.lock();
    let mut canvas = console.screen.canvas()?;
    Some(work(&mut canvas))
}

/// Prints at the start of a line, ending an unfinished one first.
pub(crate) fn print_fresh_line(text: fmt::Arguments) {
    let mut console = CONSOLE.lock();
    let end = if console.column > 0 { "\n" } else { "" };
    console.print(format_args!("{end}{text}\n"));
}

/// Characters since the last line end.
pub(crate) fn column() -> usize {
    CONSOLE.lock().column
}

/// Waits until everything printed has left the serial port, unless somebody
/// holds the console: an end of the machine does not wait for that.
pub fn drain() {
    if let Some(mut console) = CONSOLE.try_lock() {
        console.serial.drain();
    }
}

/// Makes the console usable for last words, whoever holds its lock.
///
/// The second call leaves the screen out, in case it is what went wrong.
///
/// # Safety
///
/// - The code that holds the lock never runs again: the caller interrupted it,
///   and ends the machine.
/// - No other processor is running.
pub unsafe fn seize() {
    static SEIZED: AtomicBool = AtomicBool::new(false);
    if CONSOLE.is_locked() {
        // SAFETY: The holder never runs again, so nobody else is inside.
        unsafe { CONSOLE.force_unlock() };
    }
    if SEIZED.swap(true, Ordering::Relaxed) {
        CONSOLE.lock().screen.detach();
    }
}

/// Prints to serial port and screen.
#[macro_export]
macro_rules! print {
    ($($text:tt)*) => { $crate::console::print(format_args!($($text)*)) };
}

/// Prints to serial port and screen, and ends the line.
#[macro_export]
macro_rules! println {
    () => { $crate::print!("\n") };
    ($($text:tt)*) => { $crate::print!("{}\n", format_args!($($text)*)) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test_case]
    fn the_column_is_counted_from_the_last_line_end() {
        let before = column();
        print!("12\n345");
        let after = column();
        println!();
        assert!(before > 0, "the test's own name stands before it");
        assert_eq!((after, column()), (3, 0));
    }

    #[test_case]
    fn a_held_lock_does_not_silence_last_words() {
        let held = CONSOLE.lock();
        assert!(CONSOLE.try_lock().is_none());
        core::mem::forget(held);
        // SAFETY: The guard above is forgotten, so nobody is inside.
        unsafe { seize() };
        assert!(CONSOLE.try_lock().is_some());
    }
}
