//! Text that comes in bytes: a character may be cut anywhere, and goes on in the bytes
//! that come next.

/// Bytes of the longest character.
const LONGEST: usize = 4;

/// What stands for bytes that are no text.
const NO_TEXT: &str = "\u{fffd}";

/// The beginning of a character, as far as it has come.
pub(super) struct Text {
    begun: [u8; LONGEST],
    len: usize,
}

impl Text {
    /// Nothing has come.
    pub(super) const fn new() -> Self {
        Self {
            begun: [0; LONGEST],
            len: 0,
        }
    }

    /// Hands the text that the bytes make, with those that came before, to `show`.
    pub(super) fn take(&mut self, mut bytes: &[u8], mut show: impl FnMut(&str)) {
        while self.len > 0
            && let Some((next, rest)) = bytes.split_first()
        {
            self.begun[self.len] = *next;
            match str::from_utf8(&self.begun[..=self.len]) {
                Ok(character) => show(character),
                Err(error) if error.error_len().is_none() => {
                    self.len += 1;
                    bytes = rest;
                    continue;
                }
                // It does not go on with this byte, which may be one of its own.
                Err(_) => {
                    self.len = 0;
                    show(NO_TEXT);
                    continue;
                }
            }
            self.len = 0;
            bytes = rest;
        }
        let mut chunks = bytes.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            show(chunk.valid());
            let invalid = chunk.invalid();
            let is_begun = str::from_utf8(invalid).is_err_and(|error| error.error_len().is_none());
            if chunks.peek().is_none() && is_begun {
                self.begun[..invalid.len()].copy_from_slice(invalid);
                self.len = invalid.len();
            } else if !invalid.is_empty() {
                show(NO_TEXT);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use super::*;

    fn text(parts: &[&[u8]]) -> String {
        let (mut text, mut shown) = (Text::new(), String::new());
        for part in parts {
            text.take(part, |part| shown.push_str(part));
        }
        shown
    }

    #[test_case]
    fn a_character_may_be_cut_anywhere() {
        let whole = "aé€𝄞z".as_bytes();
        assert_eq!(text(&[whole]), "aé€𝄞z");
        for cut in 0..=whole.len() {
            for other in cut..=whole.len() {
                let parts = [&whole[..cut], &whole[cut..other], &whole[other..]];
                assert_eq!(text(&parts), "aé€𝄞z", "cut at {cut} and {other}");
            }
        }
    }

    #[test_case]
    fn what_does_not_go_on_is_no_text_and_what_follows_is() {
        assert_eq!(text(&[b"a\xe2", b"b"]), "a\u{fffd}b");
        assert_eq!(text(&[b"\xe2\x82", "é".as_bytes()]), "\u{fffd}é");
        assert_eq!(text(&[b"\xff", b"\x80z"]), "\u{fffd}\u{fffd}z");
        assert_eq!(text(&[b"\xe2"]), "");
    }
}
