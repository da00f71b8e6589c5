//! What the page calls: three functions, and one that it brings.
//!
//! ```text
//!   buffer(length) ─> pointer      the page writes a request there
//!   answer() ─────> length         it is answered
//!   buffer(0) ────> pointer        the page reads the answer there
//! ```
//!
//! What must always hold: the page has one thread, and calls one function after the other.
#![allow(unsafe_code)]

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::panic::PanicInfo;

use spin::mutex::SpinMutex;

use crate::page::Page;

#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

static SESSION: SpinMutex<Session> = SpinMutex::new(Session {
    buffer: Vec::new(),
    page: None,
});

struct Session {
    buffer: Vec<u8>,
    page: Option<Page>,
}

#[link(wasm_import_module = "page")]
unsafe extern "C" {
    /// Tells the page why the machine stops.
    fn panicked(text: *const u8, length: usize);
}

/// A buffer of at least so many bytes; what it held stays.
#[unsafe(no_mangle)]
extern "C" fn buffer(length: usize) -> *mut u8 {
    let mut session = SESSION.lock();
    if session.buffer.len() < length {
        session.buffer.resize(length, 0);
    }
    session.buffer.as_mut_ptr()
}

/// Answers the request in the first `length` bytes of the buffer. Returns the length of the
/// answer, which is in the buffer then.
#[unsafe(no_mangle)]
extern "C" fn answer(length: usize) -> usize {
    let mut session = SESSION.lock();
    let request = session.buffer.get(..length).unwrap_or_default();
    let request = String::from_utf8_lossy(request).to_string();
    let page = session.page.get_or_insert_with(Page::new);
    session.buffer = page.answer(&request).into_bytes();
    session.buffer.len()
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let text = info.to_string();
    // SAFETY: the page reads so many bytes there, and no more.
    unsafe { panicked(text.as_ptr(), text.len()) };
    core::arch::wasm32::unreachable()
}
