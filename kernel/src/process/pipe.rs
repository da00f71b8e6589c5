//! A pipe: bytes that go in at one end, and come out at the other in the same order.
//!
//! ```text
//!   write ─> writer ─> [ at most CAPACITY bytes ] ─> reader ─> read
//! ```
//!
//! What must always hold: each end is one open file, and the pipe knows whether it
//! still is open. So a reader is told the end of the bytes when no writer is left, and
//! a writer that nobody reads what it writes.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::alloc::AllocError;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use spin::Mutex;

/// Bytes that wait in a pipe at most, as on Linux, which counts them in pages: there
/// one that is half read still takes its place.
const CAPACITY: usize = 64 << 10;

/// As many bytes as one `write` puts in together, or not at all (Linux: PIPE_BUF).
pub const TOGETHER: usize = 4096;

/// The number of the next pipe.
static NEXT_NUMBER: AtomicU64 = AtomicU64::new(1);

/// What both ends have in common.
#[derive(Debug)]
struct Pipe {
    number: u64,
    bytes: Mutex<VecDeque<u8>>,
    is_read: AtomicBool,
    is_written: AtomicBool,
}

/// Where bytes come out.
#[derive(Debug)]
pub struct Reader(Arc<Pipe>);

/// Where bytes go in.
#[derive(Debug)]
pub struct Writer(Arc<Pipe>);

/// Both ends of a new pipe. What it takes is taken at once.
///
/// # Errors
///
/// The kernel heap has no room for it.
pub fn new() -> Result<(Reader, Writer), AllocError> {
    let mut bytes = VecDeque::new();
    let room = bytes.try_reserve_exact(CAPACITY);
    room.map_err(|_| AllocError)?;
    let pipe = Arc::try_new(Pipe {
        number: NEXT_NUMBER.fetch_add(1, Relaxed),
        bytes: Mutex::new(bytes),
        is_read: AtomicBool::new(true),
        is_written: AtomicBool::new(true),
    })?;
    Ok((Reader(Arc::clone(&pipe)), Writer(pipe)))
}

impl Reader {
    /// What tells the pipe from all others that there were.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.0.number
    }

    /// True if no byte waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.bytes.lock().is_empty()
    }

    /// Whether the other end is open.
    #[must_use]
    pub fn is_written(&self) -> bool {
        self.0.is_written.load(Relaxed)
    }

    /// Copies the bytes that come next, which stay; returns how many.
    pub fn peek(&self, into: &mut [u8]) -> usize {
        let bytes = self.0.bytes.lock();
        let places = into.iter_mut().zip(bytes.iter());
        places.map(|(place, byte)| *place = *byte).count()
    }

    /// Takes so many bytes out.
    pub fn consume(&self, count: usize) {
        self.0.bytes.lock().drain(..count);
    }
}

impl Writer {
    /// What tells the pipe from all others that there were.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.0.number
    }

    /// How many bytes more can wait.
    #[must_use]
    pub fn room(&self) -> usize {
        CAPACITY - self.0.bytes.lock().len()
    }

    /// Whether the other end is open.
    #[must_use]
    pub fn is_read(&self) -> bool {
        self.0.is_read.load(Relaxed)
    }

    /// Puts bytes in, for which there is room.
    pub fn put(&self, from: &[u8]) {
        debug_assert!(from.len() <= self.room());
        self.0.bytes.lock().extend(from);
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.is_read.store(false, Relaxed);
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.0.is_written.store(false, Relaxed);
    }
}
