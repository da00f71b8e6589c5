//! The first serial port, COM1, at 115200 baud, 8 data bits, no parity.
//!
//! It is set up at the first write, so that no order of start-up loses a line.
//! Where no UART answers, the words are dropped rather than waited for.

use uart_16550::backend::PioBackend;
use uart_16550::spec::registers::{FifoTriggerLevel, IER, LSR};
use uart_16550::{BaudRate, Config, Uart16550};

const COM1: u16 = 0x3f8;

/// Sent first: the terminal's soft reset (DECSTR), which undoes what firmware has set. The runner
/// knows by it where the firmware's words end and the kernel's begin.
const START: &[u8] = b"\x1b[!p";

enum State {
    Untouched,
    Ready,
    Absent,
}

/// COM1 as a place for text.
pub(super) struct Serial {
    uart: Uart16550<PioBackend>,
    state: State,
}

impl Serial {
    pub(super) const fn new() -> Self {
        // SAFETY: 0x3f8 to 0x3ff is COM1 on every PC, or nothing; the console
        // makes one value of this type and is its only user.
        let uart = match unsafe { Uart16550::new_port(COM1) } {
            Ok(uart) => uart,
            Err(_) => panic!("COM1 and its eight registers lie within the port space"),
        };
        Self {
            uart,
            state: State::Untouched,
        }
    }

    /// Sends `text`, line ends as CR LF, and waits until the UART has taken it.
    pub(super) fn write(&mut self, text: &[u8]) {
        if matches!(self.state, State::Untouched) {
            self.state = self.set_up();
        }
        if matches!(self.state, State::Absent) {
            return;
        }
        for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
            if index > 0 {
                self.uart.send_bytes_exact(b"\r\n");
            }
            self.uart.send_bytes_exact(line);
        }
    }

    /// Waits until the last bit is on the wire; for a while only, as a port
    /// with nobody at its other end may never get rid of it.
    pub(super) fn drain(&mut self) {
        const LONGEST: u32 = 100_000; // a tenth of a second or more
        if matches!(self.state, State::Ready) {
            let is_empty = |_: &u32| self.uart.lsr().contains(LSR::TRANSMITTER_EMPTY);
            (0..LONGEST).find(is_empty);
        }
    }

    /// Lets the port raise an interrupt when a byte has come, or not.
    pub(super) fn announce_input(&mut self, on: bool) {
        if matches!(self.state, State::Untouched) {
            self.state = self.set_up();
        }
        if matches!(self.state, State::Absent) {
            return;
        }
        if on {
            self.uart.enable_interrupts(IER::DATA_READY);
        } else {
            self.uart.disable_interrupts(IER::DATA_READY);
        }
    }

    /// The next byte that has come, if there is one.
    pub(super) fn take(&mut self) -> Option<u8> {
        matches!(self.state, State::Ready)
            .then(|| self.uart.try_receive_byte().ok())
            .flatten()
    }

    fn set_up(&mut self) -> State {
        let config = Config {
            baud_rate: BaudRate::Baud115200,
            interrupts: IER::empty(),
            // Each byte is announced when it comes, as it has to be shown. A port that waits for
            // more announces what is left after a pause; Bochs does that also for bytes that were
            // read meanwhile, and the next read gives a 0 that nobody typed.
            fifo_trigger_level: Some(FifoTriggerLevel::One),
            ..Config::DEFAULT
        };
        if self.uart.init(config).is_err() {
            return State::Absent;
        }
        self.uart.send_bytes_exact(START);
        State::Ready
    }
}
