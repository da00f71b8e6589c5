//! Numbers as people type them: decimal or `0x` hexadecimal, `_` between the
//! digits, and sizes with `K`, `M` or `G` behind them (1024 each), small letters too.
//!
//! The kernel reads what is typed at its prompt so, and the runner its options.

use core::fmt;

/// Why a word is no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberError {
    /// It has no digit, or something else than digits.
    NotANumber,
    /// It does not fit into 64 bits.
    TooLarge,
}

impl fmt::Display for NumberError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotANumber => "is no number: write it like 4096, 0x1000 or 1_000",
            Self::TooLarge => "is too large: numbers have 64 bits",
        })
    }
}

/// Reads a number, without a unit.
///
/// # Errors
///
/// See [`NumberError`].
pub fn number(word: &str) -> Result<u64, NumberError> {
    let (digits, radix) = match word.strip_prefix("0x") {
        Some(digits) => (digits, 16),
        None => (word, 10),
    };
    let mut value = None;
    for character in digits.chars().filter(|character| *character != '_') {
        let digit = character.to_digit(radix).ok_or(NumberError::NotANumber)?;
        let next = value
            .unwrap_or(0_u64)
            .checked_mul(radix.into())
            .and_then(|shifted| shifted.checked_add(digit.into()))
            .ok_or(too_large(digits, radix))?;
        value = Some(next);
    }
    value.ok_or(NumberError::NotANumber)
}

/// Digits that overflow are a number only if all of them are digits.
fn too_large(digits: &str, radix: u32) -> NumberError {
    let is_digit = |character: char| character == '_' || character.is_digit(radix);
    if digits.chars().all(is_digit) {
        NumberError::TooLarge
    } else {
        NumberError::NotANumber
    }
}

/// Reads a number of bytes: a number that may end in `K`, `M` or `G`, or in `k`, `m` or `g`.
///
/// # Errors
///
/// See [`NumberError`].
pub fn size(word: &str) -> Result<u64, NumberError> {
    let (digits, shift) = match word.as_bytes() {
        [digits @ .., b'K' | b'k'] => (digits, 10),
        [digits @ .., b'M' | b'm'] => (digits, 20),
        [digits @ .., b'G' | b'g'] => (digits, 30),
        digits => (digits, 0),
    };
    // An ASCII letter less leaves whole characters.
    let digits = &word[..digits.len()];
    let number = number(digits)?;
    number.checked_mul(1 << shift).ok_or(NumberError::TooLarge)
}
