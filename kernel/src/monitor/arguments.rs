//! The words behind a command's name, taken one by one, as they were typed.

use heapless::String;
use line::number::{self, NumberError};
use line::words::{Words, unquoted};
use x86_64::VirtAddr;

use super::error::Error;

/// The words of a line that were not taken yet, and the usage of their command.
#[derive(Debug)]
pub(super) struct Arguments<'a> {
    usage: &'static str,
    words: Words<'a>,
}

impl<'a> Arguments<'a> {
    pub(super) fn new(usage: &'static str, words: Words<'a>) -> Self {
        Self { usage, words }
    }

    /// The next word, if there is one.
    pub(super) fn optional(&mut self) -> Option<&'a str> {
        self.words.next()
    }

    /// The next word, called `what` where it is missing.
    pub(super) fn word(&mut self, what: &'static str) -> Result<&'a str, Error<'a>> {
        self.optional().ok_or(Error::Missing(what, self.usage))
    }

    /// The next word as a number.
    pub(super) fn number(&mut self, what: &'static str) -> Result<u64, Error<'a>> {
        read(what, self.word(what)?, number::number)
    }

    /// The next word as a number of bytes.
    pub(super) fn size(&mut self, what: &'static str) -> Result<u64, Error<'a>> {
        read(what, self.word(what)?, number::size)
    }

    /// The next word as a number of bytes, or `default` without one.
    pub(super) fn size_or(&mut self, what: &'static str, default: u64) -> Result<u64, Error<'a>> {
        match self.optional() {
            Some(word) => read(what, word, number::size),
            None => Ok(default),
        }
    }

    /// The next word as a byte.
    pub(super) fn byte(&mut self) -> Result<u8, Error<'a>> {
        let word = self.word("<byte>")?;
        to_byte(word)
    }

    /// All further words as bytes.
    pub(super) fn bytes(&mut self) -> impl Iterator<Item = Result<u8, Error<'a>>> + '_ {
        self.words.by_ref().map(to_byte)
    }

    /// The next word as a canonical address.
    pub(super) fn address(&mut self) -> Result<VirtAddr, Error<'a>> {
        let number = self.number("<address>")?;
        canonical(number).ok_or(Error::NotCanonical(number))
    }

    /// The next word as one of `choices`, which `listed` names.
    pub(super) fn choice<T: Copy>(
        &mut self,
        what: &'static str,
        choices: &[(&str, T)],
        listed: &'static str,
    ) -> Result<T, Error<'a>> {
        let word = self.word(what)?;
        find(word, choices).ok_or(Error::NotOneOf(what, word, listed))
    }

    /// Makes sure that no word is left.
    pub(super) fn end(&mut self) -> Result<(), Error<'a>> {
        match self.optional() {
            Some(word) => Err(Error::Surplus(word, self.usage)),
            None => Ok(()),
        }
    }

    /// The error for a word that fits nowhere.
    pub(super) fn surplus(&self, word: &'a str) -> Error<'a> {
        Error::Surplus(word, self.usage)
    }
}

/// A number as a virtual address; `None` if it is not canonical.
pub(super) fn canonical(number: u64) -> Option<VirtAddr> {
    VirtAddr::try_new(number).ok()
}

/// The value that `choices` has for `word`.
pub(super) fn find<T: Copy>(word: &str, choices: &[(&str, T)]) -> Option<T> {
    choices
        .iter()
        .find_map(|(name, value)| (*name == word).then_some(*value))
}

/// Reads `word` with `parse`; an error calls it `what`.
pub(super) fn read<'a>(
    what: &'static str,
    word: &'a str,
    parse: fn(&str) -> Result<u64, NumberError>,
) -> Result<u64, Error<'a>> {
    parse(word).map_err(|error| Error::Number(what, word, error))
}

/// Adds what a word of a line means to `text`, which has room for the line.
pub(super) fn add_meant<const N: usize>(word: &str, text: &mut String<N>) {
    for character in unquoted(word) {
        let _ = text.push(character);
    }
}

fn to_byte(word: &str) -> Result<u8, Error<'_>> {
    let value = read("<byte>", word, number::number)?;
    u8::try_from(value).map_err(|_| Error::OutOfRange("<byte>", value, 0, 255))
}
