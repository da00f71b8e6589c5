//! Numbers as people type them: decimal or `0x` hexadecimal, `_` between the
//! digits, and sizes with `K`, `M` or `G` behind them (1024 each).

use core::fmt;

use x86_64::VirtAddr;

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

/// Reads a number of bytes: a number that may end in `K`, `M` or `G`.
///
/// # Errors
///
/// See [`NumberError`].
pub fn size(word: &str) -> Result<u64, NumberError> {
    const UNITS: [(char, u32); 3] = [('K', 10), ('M', 20), ('G', 30)];
    for (unit, shift) in UNITS {
        if let Some(digits) = word.strip_suffix(unit) {
            return number(digits)?
                .checked_mul(1 << shift)
                .ok_or(NumberError::TooLarge);
        }
    }
    number(word)
}

/// A number as a virtual address; `None` if it is not canonical.
#[must_use]
pub fn canonical(number: u64) -> Option<VirtAddr> {
    VirtAddr::try_new(number).ok()
}

#[cfg(test)]
mod tests {
    use super::NumberError::{NotANumber, TooLarge};
    use super::*;

    #[test_case]
    fn numbers_are_decimal_or_hexadecimal_with_underscores() {
        assert_eq!(number("0"), Ok(0));
        assert_eq!(number("4096"), Ok(4096));
        assert_eq!(number("0x1_0000"), Ok(0x10000));
        assert_eq!(number("0xDEADbeef"), Ok(0xdead_beef));
        assert_eq!(number("18_446_744_073_709_551_615"), Ok(u64::MAX));
        assert_eq!(number("0xffff_ffff_ffff_ffff"), Ok(u64::MAX));
    }

    #[test_case]
    fn what_is_no_number_is_refused() {
        for word in [
            "", "_", "0x", "0x_", "abc", "12ab", "-1", "+1", "0xg", "1.5", "0X10", "4K",
        ] {
            assert_eq!(number(word), Err(NotANumber), "{word:?}");
        }
    }

    #[test_case]
    fn more_than_64_bits_are_too_large_and_nothing_else_is() {
        assert_eq!(number("18446744073709551616"), Err(TooLarge));
        assert_eq!(number("0x1_0000_0000_0000_0000"), Err(TooLarge));
        assert_eq!(number("99999999999999999999999x"), Err(NotANumber));
    }

    #[test_case]
    fn sizes_take_a_unit_of_1024() {
        assert_eq!(size("16"), Ok(16));
        assert_eq!(size("16K"), Ok(16 << 10));
        assert_eq!(size("0x10M"), Ok(16 << 20));
        assert_eq!(size("1_6G"), Ok(16 << 30));
        assert_eq!(size("K"), Err(NotANumber));
        assert_eq!(size("1KK"), Err(NotANumber));
        assert_eq!(size("16Q"), Err(NotANumber));
        assert_eq!(size("0xffffffffffffffffK"), Err(TooLarge));
        assert_eq!(size("17179869184G"), Err(TooLarge));
    }

    #[test_case]
    fn an_address_is_canonical_or_none() {
        assert_eq!(canonical(0x8000_0000_0000), None);
        let highest = 0xffff_8000_0000_0000;
        assert_eq!(canonical(highest), Some(VirtAddr::new(highest)));
    }
}
