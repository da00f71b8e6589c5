//! The time-stamp counter, counted from the kernel's first instruction.

use core::arch::x86_64::_rdtsc;
use core::sync::atomic::{AtomicU64, Ordering};

static START: AtomicU64 = AtomicU64::new(0);

/// Makes this moment 0; [`entry!`](crate::entry) does so first of all.
pub fn start() {
    START.store(now(), Ordering::Relaxed);
}

/// Ticks since [`start`]; how long one is depends on the processor.
#[must_use]
pub fn elapsed() -> u64 {
    now().wrapping_sub(START.load(Ordering::Relaxed))
}

/// The counter itself.
#[must_use]
pub fn now() -> u64 {
    // SAFETY: Every 64-bit processor has RDTSC, and CR4.TSD restricts it in ring 3 only.
    unsafe { _rdtsc() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test_case]
    fn time_passes() {
        let before = elapsed();
        while elapsed() == before {}
        assert!(elapsed() > before);
    }
}
