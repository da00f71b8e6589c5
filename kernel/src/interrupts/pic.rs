//! The two 8259 interrupt controllers: out of the way, or the last resort.

use pic8259::ChainedPics;
use spin::Mutex;

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

/// Lets the lines of these vectors through, of the first controller.
pub(super) fn unmask(vectors: &[u8]) {
    let lines = vectors.iter().map(|vector| 1 << (vector - FIRST_INTERRUPT));
    let mask = lines.fold(NONE, |mask, line: u8| mask & !line);
    // SAFETY: their vectors have handlers.
    unsafe { PICS.lock().write_masks(mask, NONE) };
}

/// Lets the next interrupt come.
pub(super) fn end_of_interrupt(vector: u8) {
    // SAFETY: called by the handler of that vector, once.
    unsafe { PICS.lock().notify_end_of_interrupt(vector) };
}
