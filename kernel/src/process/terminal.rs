//! The console as a terminal of programs: what was typed for them, and the modes
//! that they may change (Linux: struct termios).
//!
//! ```text
//!   input  output  control  local  line discipline  19 control characters
//!   0      4       8        12     16               17 .. 36
//! ```
//!
//! Of the modes, those matter that say whether input comes in lines, is shown, and
//! ends its lines with a CR. The others are kept, and nothing more.

use line::{Cooked, Modes};

use crate::console::{self, input};

/// Bytes of a `struct termios`.
pub(super) const MODES: usize = 36;

/// A flag, by the byte at which its mode begins.
type Flag = (usize, u32);

const ICRNL: Flag = (0, 0o400);
const ICANON: Flag = (12, 0o2);
const ECHO: Flag = (12, 0o10);

/// The modes of a terminal that nobody has changed, as Linux sets it up.
const FIRST: [u8; MODES] = {
    /// ICRNL, IXON; OPOST, ONLCR; B115200, CS8, CREAD, HUPCL; ISIG, ICANON, ECHO,
    /// ECHOE, ECHOK, ECHOCTL, ECHOKE, IEXTEN.
    const FLAGS: [u32; 4] = [0o2400, 0o5, 0o16_262, 0o105_073];
    /// Interrupt, quit, erase, kill, end of file, and so on.
    const CHARACTERS: [u8; 19] = [
        3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0, 0, 0,
    ];
    let mut bytes = [0; MODES];
    let mut index = 0;
    while index < MODES {
        if index < 16 {
            bytes[index] = FLAGS[index / 4].to_le_bytes()[index % 4];
        } else if index > 16 {
            bytes[index] = CHARACTERS[index - 17];
        }
        index += 1;
    }
    bytes
};

/// The terminal.
#[derive(Debug)]
pub(super) struct Terminal {
    pub(super) line: Cooked,
    modes: [u8; MODES],
    /// Whether Ctrl-Z stops who runs, and is not theirs to read.
    pub(super) can_stop: bool,
}

impl Terminal {
    /// As it is when nothing was typed.
    pub(super) const fn new() -> Self {
        Self {
            line: Cooked::new(),
            modes: FIRST,
            can_stop: false,
        }
    }

    /// Its modes.
    pub(super) const fn modes(&self) -> &[u8; MODES] {
        &self.modes
    }

    /// Gives it others.
    pub(super) fn set_modes(&mut self, modes: [u8; MODES]) {
        self.modes = modes;
        let is_set = |(at, flag): Flag| {
            let bytes: [u8; 4] = core::array::from_fn(|index| modes[at + index]);
            u32::from_le_bytes(bytes) & flag != 0
        };
        self.line.set_modes(Modes {
            lines: is_set(ICANON),
            echo: is_set(ECHO),
            return_is_newline: is_set(ICRNL),
        });
    }

    /// Takes what was typed, until there is something to read. Whether there is.
    pub(super) fn gather(&mut self) -> bool {
        while !self.line.is_complete()
            && input::check().is_ok()
            && !(self.can_stop && input::is_stop_next())
            && let Some(byte) = input::try_read()
        {
            self.line.take(byte, &mut console::print_bytes);
        }
        self.line.is_complete()
    }
}
