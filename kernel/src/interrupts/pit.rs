//! The programmable interval timer (Intel 8254): a hundred interrupts a second
//! while programs run, and how fast the time-stamp counter counts.

use spin::Once;
use x86_64::instructions::port::Port;

use crate::cpu::tsc;

/// How often the timer's input counts down, in Hz.
const INPUT: u64 = 1_193_182;
/// Interrupts a second.
pub const FREQUENCY: u64 = 100;
/// Counts from one interrupt to the next.
const COUNTS: u16 = (INPUT / FREQUENCY) as u16;

/// Channel 0 raises IRQ 0.
const CHANNEL_0: u16 = 0x40;
const COMMAND: u16 = 0x43;

/// Channel 0, both bytes of the count, binary.
const BOTH_BYTES: u8 = 0b0011_0000;
/// The mode that raises its line again and again.
const RATE_GENERATOR: u8 = 2 << 1;
/// The mode that raises its line once, when the count has come to its end. Until
/// a count is written, that is never.
const TERMINAL_COUNT: u8 = 0;
/// Channel 0: keeps the count so that it can be read.
const LATCH: u8 = 0;

fn command(command: u8) {
    // SAFETY: the port is the timer's, which nobody else uses.
    unsafe { Port::new(COMMAND).write(command) }
}

fn write_count(count: u16) {
    let mut channel = Port::<u8>::new(CHANNEL_0);
    for byte in count.to_le_bytes() {
        // SAFETY: as above.
        unsafe { channel.write(byte) }
    }
}

fn read_count() -> u16 {
    command(LATCH);
    let mut channel = Port::<u8>::new(CHANNEL_0);
    // SAFETY: as above.
    u16::from_le_bytes([(); 2].map(|()| unsafe { channel.read() }))
}

/// Lets the timer's interrupts come.
pub fn start() {
    // Before the timer is in use.
    tsc_frequency();
    command(BOTH_BYTES | RATE_GENERATOR);
    write_count(COUNTS);
}

/// Ends the timer's interrupts; one may still come.
pub fn stop() {
    command(BOTH_BYTES | TERMINAL_COUNT);
}

/// How often the time-stamp counter counts in a second, measured once, in a
/// hundredth of one. The timer is stopped afterwards.
pub fn tsc_frequency() -> u64 {
    static MEASURED: Once<u64> = Once::new();
    *MEASURED.call_once(|| {
        command(BOTH_BYTES | TERMINAL_COUNT);
        write_count(u16::MAX);
        // A machine without this timer never counts: no longer than this.
        const MOST_READS: u32 = 1_000_000;
        let (first, begin) = (read_count(), tsc::now());
        let mut counted = 0;
        for _ in 0..MOST_READS {
            counted = first.wrapping_sub(read_count());
            if counted >= COUNTS {
                break;
            }
        }
        let ticks = tsc::now() - begin;
        stop();
        ticks * INPUT / u64::from(counted.max(1))
    })
}
