//! What the runner asks of this kernel, without a new disk image.
//!
//! The text comes from QEMU's fw_cfg file `opt/faultline/cmdline`, as words
//! separated by spaces, each `key` or `key=value`. On a machine without fw_cfg
//! it is empty and the defaults hold. Known words: `filter=NAME` and
//! `exact` (see [`testing`](crate::testing)), `log=LEVEL` (see
//! [`console`](crate::console)), `no-tour` and `tour=NAME` (see
//! [`monitor::start`](crate::monitor::start)), `bench`,
//! `bench=instructions` and `bench-part=NAME` (see
//! [`bench`](mod@crate::bench)), `heap-guard` (see
//! [`heap`](crate::heap::init)), and `crash=NAME` (see
//! [`crash`](crate::crash)).

use crate::cpu::fw_cfg;
use spin::Once;

/// The longest command line that is read, in bytes; more is cut off, and said so.
pub const MAX_LENGTH: usize = 4096;

/// Words that are `key` or `key=value`.
#[derive(Debug, Clone, Copy)]
pub struct CommandLine<'a>(&'a str);

impl<'a> CommandLine<'a> {
    /// Reads `text` as a command line.
    #[must_use]
    pub const fn new(text: &'a str) -> Self {
        Self(text)
    }

    /// Whether the word `key` is there, with or without a value.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.words().any(|(name, _)| name == key)
    }

    /// The value of the last `key=value`, which may be empty; `None` without one.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<&'a str> {
        self.words()
            .filter(|&(name, _)| name == key)
            .filter_map(|(_, value)| value)
            .last()
    }

    fn words(&self) -> impl Iterator<Item = (&'a str, Option<&'a str>)> + use<'a> {
        self.0
            .split_ascii_whitespace()
            .map(|word| match word.split_once('=') {
                Some((key, value)) => (key, Some(value)),
                None => (word, None),
            })
    }
}

struct Text {
    bytes: [u8; MAX_LENGTH],
    length: usize,
}

static TEXT: Once<Text> = Once::new();

/// The command line of this boot, read once.
#[must_use]
pub fn get() -> CommandLine<'static> {
    let text = TEXT.call_once(|| {
        let mut bytes = [0; MAX_LENGTH];
        let size = fw_cfg::read_file("opt/faultline/cmdline", &mut bytes).unwrap_or(0);
        if size > MAX_LENGTH {
            log::warn!("command line of {size} bytes cut off after {MAX_LENGTH}");
        }
        let length = size.min(MAX_LENGTH);
        Text { bytes, length }
    });
    let bytes = &text.bytes[..text.length];
    CommandLine::new(bytes.utf8_chunks().next().map_or("", |chunk| chunk.valid()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test_case]
    fn a_word_is_found_whole_or_not_at_all() {
        let line = CommandLine::new("exact filter=stack");
        assert!(line.has("exact"));
        assert!(line.has("filter"));
        assert!(!line.has("exac"));
        assert!(!line.has("stack"));
    }

    #[test_case]
    fn a_value_begins_after_the_first_equals_sign() {
        let line = CommandLine::new("  a=1=2   b=  c ");
        assert_eq!(line.value("a"), Some("1=2"));
        assert_eq!(line.value("b"), Some(""));
        assert_eq!(line.value("c"), None);
        assert_eq!(line.value("d"), None);
    }

    #[test_case]
    fn the_last_value_counts() {
        assert_eq!(
            CommandLine::new("log=info log=debug").value("log"),
            Some("debug")
        );
    }

    #[test_case]
    fn an_empty_line_has_no_words() {
        assert!(!CommandLine::new("").has(""));
        assert_eq!(CommandLine::new(" ").value(""), None);
    }
}
