//! Bytes in, from the first serial port, by interrupt.
//!
//! The handler moves bytes from the port into a queue. When the queue is full
//! the port's interrupt is switched off, and the rest waits on the sender's
//! side; nothing is lost. Interrupts are on only inside [`read`], while
//! the processor halts, and while a program runs, so the handler never meets a
//! held console.
//!
//! Work that takes long asks [`check`] now and then whether Ctrl-C has come.
//! It stays in the queue with all that was typed before it: who reads the line
//! drops that too. Ctrl-Z stops a program that runs, and does not stay.

use heapless::Deque;
use spin::Mutex;
use x86_64::instructions::interrupts;

use super::CONSOLE;

/// Bytes that wait to be read, at most.
const CAPACITY: usize = 4096;

/// What Ctrl-C sends.
const CANCEL: u8 = 0x03;

/// What Ctrl-Z sends.
const STOP: u8 = 0x1a;

struct Queue {
    bytes: Deque<u8, CAPACITY>,
    /// How many of them are [`CANCEL`].
    cancels: usize,
}

static QUEUE: Mutex<Queue> = Mutex::new(Queue {
    bytes: Deque::new(),
    cancels: 0,
});

impl Queue {
    fn push(&mut self, byte: u8) {
        if self.bytes.push_back(byte).is_ok() {
            self.cancels += usize::from(byte == CANCEL);
        }
    }

    fn pop(&mut self) -> Option<u8> {
        let byte = self.bytes.pop_front()?;
        self.cancels -= usize::from(byte == CANCEL);
        Some(byte)
    }
}

/// Ctrl-C was pressed while a command ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cancelled;

/// Lets the port announce what comes.
pub(crate) fn start() {
    CONSOLE.lock().serial.announce_input(true);
}

/// Moves what has come into the queue. Called with interrupts off.
pub(crate) fn take() {
    let mut console = CONSOLE.lock();
    let mut queue = QUEUE.lock();
    while !queue.bytes.is_full() {
        let Some(byte) = console.serial.take() else {
            return;
        };
        queue.push(byte);
    }
    console.serial.announce_input(false);
}

/// Whether work that takes long may go on. The port is asked itself: no
/// interrupt comes while a command runs.
///
/// # Errors
///
/// Ctrl-C is among what has come and was not read yet.
pub fn check() -> Result<(), Cancelled> {
    interrupts::without_interrupts(take);
    match QUEUE.lock().cancels {
        0 => Ok(()),
        _ => Err(Cancelled),
    }
}

/// Whether the next byte is Ctrl-Z.
pub(crate) fn is_stop_next() -> bool {
    interrupts::without_interrupts(|| QUEUE.lock().bytes.front() == Some(&STOP))
}

/// Whether Ctrl-Z has come. It is taken out then, with all that was typed before it.
pub(crate) fn take_stop() -> bool {
    let has_come = interrupts::without_interrupts(|| {
        take();
        QUEUE.lock().bytes.iter().any(|byte| *byte == STOP)
    });
    if has_come {
        while try_read().is_some_and(|byte| byte != STOP) {}
    }
    has_come
}

/// Puts a byte behind what has come, as if it had been typed; for tests. One
/// that finds no room is lost.
pub fn type_ahead(byte: u8) {
    interrupts::without_interrupts(|| QUEUE.lock().push(byte));
}

/// The next byte, if one has come.
#[must_use]
pub fn try_read() -> Option<u8> {
    interrupts::without_interrupts(|| {
        let mut queue = QUEUE.lock();
        let was_full = queue.bytes.is_full();
        let byte = queue.pop();
        drop(queue);
        if was_full {
            start();
        }
        byte
    })
}

/// Halts the processor until an interrupt comes, unless a byte has come.
pub fn wait() {
    // As in [`read`].
    interrupts::disable();
    if QUEUE.lock().bytes.is_empty() {
        interrupts::enable_and_hlt();
        interrupts::disable();
    }
}

/// The next byte; the processor halts until one comes.
#[must_use]
pub fn read() -> u8 {
    loop {
        // The queue is looked at with interrupts off: a byte that comes after
        // the look ends the halt, since STI takes effect only after HLT began
        // (Intel SDM vol. 2B, STI).
        interrupts::disable();
        if let Some(byte) = try_read() {
            return byte;
        }
        interrupts::enable_and_hlt();
        interrupts::disable();
    }
}
