//! What comes through the serial port before the kernel's first byte.
//!
//! UEFI firmware draws on the serial port as if it were its screen: it clears
//! the terminal and sets modes. That is held back, and shown as plain text only
//! if no kernel starts, if the guest ends by itself without having sent the mark
//! ([`Ended::unmarked`](crate::ended::Ended::unmarked)), or if there is so much of it
//! that nothing else can have happened. The kernel begins with [`KERNEL_STARTS`],
//! which is taken out. BIOS says nothing there, so with it nothing is held back.

/// What every kernel of this project sends first, but for the small ones of the package `steps`:
/// the terminal's soft reset (DECSTR), which also undoes what a firmware has set.
pub const KERNEL_STARTS: &[u8] = b"\x1b[!p";

/// A firmware that says more than these bytes without a kernel is heard.
const LONGEST: usize = 64 * 1024;

/// What OVMF says when it does not start the disk, and what that means.
const SIGNS: [(&str, &str); 3] = [
    (
        ": Access Denied",
        "the firmware trusts signed programs only (Secure Boot), and the boot loader is not signed: \
         take firmware without enrolled keys",
    ),
    (
        "\"EFI Internal Shell\"",
        "the firmware found nothing to start on the disk",
    ),
    (
        "No bootable option or device was found",
        "the firmware found nothing to start on the disk",
    ),
];

/// The way from the firmware's bytes to the kernel's.
#[derive(Debug)]
pub struct Opening {
    firmware_talks: bool,
    held: Vec<u8>,
    started: bool,
}

impl Opening {
    /// At power-on. With `firmware_talks` (UEFI) what comes before the kernel is held back.
    #[must_use]
    pub const fn new(firmware_talks: bool) -> Self {
        Self {
            firmware_talks,
            held: Vec::new(),
            started: false,
        }
    }

    /// Takes what came, and returns what is to be shown of it, now that it is known.
    pub fn take(&mut self, bytes: &[u8]) -> Vec<u8> {
        if self.started {
            return bytes.to_vec();
        }
        self.held.extend_from_slice(bytes);
        let start = self
            .held
            .windows(KERNEL_STARTS.len())
            .position(|bytes| bytes == KERNEL_STARTS);
        match start {
            Some(at) if self.firmware_talks || at == 0 => {
                self.started = true;
                let rest = self.held.split_off(at + KERNEL_STARTS.len());
                self.held.clear();
                rest
            }
            _ if self.may_still_begin() => Vec::new(),
            _ => {
                self.started = true;
                std::mem::take(&mut self.held)
            }
        }
    }

    /// Whether the kernel, or what is known to be no kernel, has begun to talk.
    #[must_use]
    pub const fn has_started(&self) -> bool {
        self.started
    }

    /// What a firmware said that started no kernel: its lines without escape sequences.
    #[must_use]
    pub fn unheard(&self) -> Option<String> {
        let text = plain(&String::from_utf8_lossy(&self.held));
        (!text.is_empty()).then_some(text)
    }

    /// Why the firmware will start no kernel, once it says so.
    #[must_use]
    pub fn gives_up(&self) -> Option<&'static str> {
        let said = String::from_utf8_lossy(&self.held);
        let sign = SIGNS.iter().find(|(words, _)| said.contains(words));
        sign.map(|(_, reason)| *reason)
    }

    fn may_still_begin(&self) -> bool {
        if self.firmware_talks {
            self.held.len() <= LONGEST
        } else {
            KERNEL_STARTS.starts_with(&self.held)
        }
    }
}

/// Text without escape sequences, other control characters and empty lines.
fn plain(text: &str) -> String {
    let mut kept = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\x1b' if characters.next() == Some('[') => {
                characters.find(|character| matches!(character, '@'..='~'));
            }
            '\n' => kept.push('\n'),
            character if !character.is_control() => kept.push(character),
            _ => {}
        }
    }
    let lines: Vec<_> = kept
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty())
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is shown of `pieces`, and what stays unheard.
    fn shown(firmware_talks: bool, pieces: &[&str]) -> (String, Option<String>) {
        let mut opening = Opening::new(firmware_talks);
        let shown = pieces
            .iter()
            .flat_map(|piece| opening.take(piece.as_bytes()))
            .collect();
        (String::from_utf8(shown).unwrap(), opening.unheard())
    }

    const OVMF: &str = "\x1b[2J\x1b[01;01H\x1b[=3h\x1b[2JBdsDxe: starting Boot0002\r\n";

    #[test]
    fn what_uefi_draws_before_the_kernel_is_not_shown() {
        let kernel = "\x1b[!p[ 24.082 info ] Faultline\r\n";
        let expected = ("[ 24.082 info ] Faultline\r\n".to_owned(), None);
        assert_eq!(shown(true, &[OVMF, kernel]), expected);
        assert_eq!(shown(true, &[&format!("{OVMF}{kernel}")]), expected);
        let whole = format!("{OVMF}{kernel}");
        let single: Vec<_> = whole.split_inclusive(|_| true).collect();
        assert_eq!(shown(true, &single), expected);
    }

    #[test]
    fn after_the_start_everything_is_shown_as_it_is() {
        let (text, _) = shown(true, &["\x1b[!pa\x1b[2J", "\x1b[!pb"]);
        assert_eq!(text, "a\x1b[2J\x1b[!pb");
    }

    #[test]
    fn bios_holds_nothing_back() {
        assert_eq!(shown(false, &["\x1b", "[!", "p1\r\n"]).0, "1\r\n");
        assert_eq!(shown(false, &["no mark\r\n"]).0, "no mark\r\n");
        assert_eq!(
            shown(false, &["\x1b[", "2Ja\x1b[!pb"]).0,
            "\x1b[2Ja\x1b[!pb"
        );
    }

    #[test]
    fn a_firmware_that_starts_no_kernel_is_heard_at_the_end_as_plain_text() {
        let failed = "\x1b[2J\x1b[01;01H\r\n\r\nBdsDxe: failed to load Boot0001  \r\n\x1b[0m\r\n";
        let (text, unheard) = shown(true, &[failed]);
        assert_eq!(text, "");
        assert_eq!(unheard.unwrap(), "BdsDxe: failed to load Boot0001");
        assert_eq!(shown(true, &["\x1b[2J\x1b[01;01H\r\n"]).1, None);
    }

    #[test]
    fn a_firmware_that_gives_up_is_understood_and_one_that_goes_on_is_left_alone() {
        let given_up = |said: &str| {
            let mut opening = Opening::new(true);
            opening.take(said.as_bytes());
            opening.gives_up()
        };
        let denied =
            "BdsDxe: failed to load Boot0001 \"UEFI QEMU HARDDISK\" from Sata: Access Denied\r\n";
        assert!(given_up(denied).unwrap().contains("Secure Boot"));
        let shell = "BdsDxe: failed to load Boot0001: Not Found\r\nBdsDxe: loading Boot0002 \"EFI Internal Shell\" from Fv";
        assert!(given_up(shell).unwrap().contains("nothing to start"));
        assert_eq!(given_up(OVMF), None);
    }

    #[test]
    fn a_firmware_that_talks_without_end_is_heard_at_once() {
        let mut opening = Opening::new(true);
        let mut heard = 0;
        for _ in 0..LONGEST / 1000 + 2 {
            heard += opening.take(&[b'x'; 1000]).len();
        }
        assert_eq!(heard, (LONGEST / 1000 + 2) * 1000);
        assert!(opening.has_started());
    }
}
