//! The two 8259 interrupt controllers: out of the way, or the last resort.

use pic8259::ChainedPics;
use spin::Mutex;

use super::SERIAL_IRQ;
use crate::cpu::idt::FIRST_INTERRUPT;

// SAFETY: the vectors from `FIRST_INTERRUPT` on are no exceptions', and nobody
// else uses the controllers' ports.
static PICS: Mutex<ChainedPics> =
    Mutex::new(unsafe { ChainedPics::new(FIRST_INTERRUPT, FIRST_INTERRUPT + 8) });

const NONE: u8 = 0xff;

/// Moves the controllers' vectors away from the exceptions', and masks all lines.
pub(super) fn mask_all() {
    let mut pics = PICS.lock();
    // SAFETY: interrupts are off, and both controllers are there or their
    // ports lead nowhere.
    unsafe {
        pics.initialize();
        pics.write_masks(NONE, NONE);
    }
}

/// Lets the serial port's line through.
pub(super) fn unmask_serial() {
    // SAFETY: its vector has a handler.
    unsafe { PICS.lock().write_masks(NONE & !(1 << SERIAL_IRQ), NONE) };
}

/// Lets the next interrupt come.
pub(super) fn end_of_interrupt(vector: u8) {
    // SAFETY: called by the handler of that vector, once.
    unsafe { PICS.lock().notify_end_of_interrupt(vector) };
}
