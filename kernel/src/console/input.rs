//! Bytes in, from the first serial port, by interrupt.
//!
//! The handler moves bytes from the port into a queue. When the queue is full
//! the port's interrupt is switched off, and the rest waits on the sender's
//! side; nothing is lost. Interrupts are on only inside [`read`], while
//! the processor halts, so the handler never meets a held console.

use heapless::Deque;
use spin::Mutex;
use x86_64::instructions::interrupts;

use super::CONSOLE;

/// Bytes that wait to be read, at most.
const CAPACITY: usize = 4096;

static QUEUE: Mutex<Deque<u8, CAPACITY>> = Mutex::new(Deque::new());

/// Lets the port announce what comes.
pub(crate) fn start() {
    CONSOLE.lock().serial.announce_input(true);
}

/// Moves what has come into the queue. Called with interrupts off.
pub(crate) fn take() {
    let mut console = CONSOLE.lock();
    let mut queue = QUEUE.lock();
    while !queue.is_full() {
        let Some(byte) = console.serial.take() else {
            return;
        };
        // There is room: the loop has just asked.
        let _ = queue.push_back(byte);
    }
    console.serial.announce_input(false);
}

/// The next byte, if one has come.
#[must_use]
pub fn try_read() -> Option<u8> {
    interrupts::without_interrupts(|| {
        let mut queue = QUEUE.lock();
        let was_full = queue.is_full();
        let byte = queue.pop_front();
        drop(queue);
        if was_full {
            start();
        }
        byte
    })
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
