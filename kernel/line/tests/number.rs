//! Numbers and sizes as people type them.

use line::number::NumberError::{NotANumber, TooLarge};
use line::number::{number, size};

#[test]
fn numbers_are_decimal_or_hexadecimal_with_underscores() {
    assert_eq!(number("0"), Ok(0));
    assert_eq!(number("4096"), Ok(4096));
    assert_eq!(number("0x1_0000"), Ok(0x10000));
    assert_eq!(number("0xDEADbeef"), Ok(0xdead_beef));
    assert_eq!(number("18_446_744_073_709_551_615"), Ok(u64::MAX));
    assert_eq!(number("0xffff_ffff_ffff_ffff"), Ok(u64::MAX));
}

#[test]
fn what_is_no_number_is_refused() {
    for word in [
        "", "_", "0x", "0x_", "abc", "12ab", "-1", "+1", "0xg", "1.5", "0X10", "4K",
    ] {
        assert_eq!(number(word), Err(NotANumber), "{word:?}");
    }
}

#[test]
fn more_than_64_bits_are_too_large_and_nothing_else_is() {
    assert_eq!(number("18446744073709551616"), Err(TooLarge));
    assert_eq!(number("0x1_0000_0000_0000_0000"), Err(TooLarge));
    assert_eq!(number("99999999999999999999999x"), Err(NotANumber));
}

#[test]
fn sizes_take_a_unit_of_1024() {
    assert_eq!(size("16"), Ok(16));
    assert_eq!(size("16K"), Ok(16 << 10));
    assert_eq!(size("0x10M"), Ok(16 << 20));
    assert_eq!(size("1_6G"), Ok(16 << 30));
    assert_eq!(
        [size("16k"), size("0x10m"), size("3g")],
        [Ok(16 << 10), Ok(16 << 20), Ok(3 << 30)]
    );
    assert_eq!(size("16kib"), Err(NotANumber));
    assert_eq!(size("é"), Err(NotANumber));
    assert_eq!(size("K"), Err(NotANumber));
    assert_eq!(size("1KK"), Err(NotANumber));
    assert_eq!(size("16Q"), Err(NotANumber));
    assert_eq!(size("0xffffffffffffffffK"), Err(TooLarge));
    assert_eq!(size("17179869184G"), Err(TooLarge));
}
