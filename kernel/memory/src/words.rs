//! Numbers in sentences.

use core::fmt;

/// So many of something, as a sentence has it: "1 byte", "2 bytes".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count<'a>(
    /// How many.
    pub u64,
    /// The word for one of them; more than one have an `s` more.
    pub &'a str,
);

impl fmt::Display for Count<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(count, one) = self;
        write!(f, "{count} {one}{}", if *count == 1 { "" } else { "s" })
    }
}
