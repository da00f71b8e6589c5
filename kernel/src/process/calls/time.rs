//! Clocks, and numbers that cannot be guessed.

use core::arch::x86_64::{__cpuid, _rdrand64_step};
use core::sync::atomic::{AtomicU64, Ordering};

use super::super::{Process, user};
use super::Errno;
use crate::console::input;
use crate::cpu::tsc;
use crate::interrupts::pit;

const NANOSECONDS: u128 = 1_000_000_000;

/// The clocks that there are: all count from the start of the machine, which
/// has no other. REALTIME, MONOTONIC, MONOTONIC_RAW, their coarse kin, BOOTTIME.
const CLOCKS: [u64; 6] = [0, 1, 4, 5, 6, 7];

/// `clock_gettime(clock, time)`: seconds and nanoseconds.
#[inline(never)]
pub(super) fn clock_gettime(process: &Process) -> Result<u64, Errno> {
    let [clock, time, ..] = process.arguments();
    if !CLOCKS.contains(&clock) {
        return Err(Errno::INVALID);
    }
    let passed = u128::from(tsc::elapsed()) * NANOSECONDS / u128::from(pit::tsc_frequency());
    let parts = [passed / NANOSECONDS, passed % NANOSECONDS].map(|part| part as u64);
    user::write_value(time, &parts)?;
    Ok(0)
}

/// `getrandom(bytes, count, flags)`: returns how many bytes there are.
#[inline(never)]
pub(super) fn getrandom(process: &Process) -> Result<u64, Errno> {
    let [bytes, count, ..] = process.arguments();
    let mut written = 0;
    // Nobody waits for the rest after Ctrl-C.
    while written < count && (written == 0 || input::check().is_ok()) {
        let part = random().to_le_bytes();
        let wanted = (count - written).min(part.len() as u64) as usize;
        let place = bytes.checked_add(written).ok_or(Errno::BAD_ADDRESS)?;
        user::write(place, &part[..wanted])?;
        written += wanted as u64;
    }
    Ok(written)
}

/// A number by the processor's generator, or, where it has none, one that begins
/// with the time: different in each boot, but no secret.
pub(in super::super) fn random() -> u64 {
    const HAS_RDRAND: u32 = 1 << 30;
    let mut number = 0;
    if __cpuid(1).ecx & HAS_RDRAND != 0 {
        // SAFETY: the processor has the instruction.
        if unsafe { _rdrand64_step(&mut number) } == 1 {
            return number;
        }
    }
    static STATE: AtomicU64 = AtomicU64::new(0);
    // SplitMix64.
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
    let state = STATE.fetch_add(STEP, Ordering::Relaxed) ^ tsc::now();
    let mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}
