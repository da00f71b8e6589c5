//! What a panic does: say where, why and by which calls, and end the machine as
//! failed.
//!
//! It never waits for a lock, since the panicking code may hold it. A panic
//! inside a panic says so on the serial port and ends the machine all the
//! same; one inside that ends it silently.

use crate::exit::{ExitStatus, exit};
use crate::report::backtrace::{self, Start};
use crate::{console, println, report, testing};
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicU32, Ordering};

static DEPTH: AtomicU32 = AtomicU32::new(0);

/// The body of every kernel's panic handler; [`entry!`](crate::entry) puts it there.
pub fn panic(info: &PanicInfo) -> ! {
    let depth = DEPTH.fetch_add(1, Ordering::Relaxed);
    if depth < 2 {
        // SAFETY: This function does not return, so whoever held the console
        // never runs again, and no second processor is running.
        unsafe { console::seize() };
    }
    match depth {
        0 => {
            testing::mark_failed();
            println!("{info}");
            if let Some(frame) = report::under_way() {
                let (vector, rip) = (frame.vector(), frame.rip);
                println!("  inside the report of {vector} at {rip:#018x}");
            }
            println!("  backtrace:");
            backtrace::print(Start::here());
            testing::summarize_failure();
        }
        1 => {
            console::print_fresh_line(format_args!("panic inside a panic: {info}"));
            testing::summarize_failure();
        }
        _ => {}
    }
    exit(ExitStatus::Panic)
}
