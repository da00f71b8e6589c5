//! Files that somebody or something has damaged.

use executable::Executable;

use crate::file::{File, ROOM};
use crate::properties;

/// A generator of numbers (SplitMix64): the same damage in every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

/// Changes 1 to 4 places among the headers: a bit, a byte, or a whole word that
/// is likely to be at a limit.
fn damage(bytes: &mut [u8], headers: usize, numbers: &mut Numbers) {
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(headers);
        match numbers.below(3) {
            0 => bytes[at] ^= 1 << numbers.below(8),
            1 => bytes[at] = numbers.next() as u8,
            _ => {
                let limits = [0, 1, 0x1000, 0x40_0000, 1 << 47, 1 << 63, u64::MAX];
                let word = limits[numbers.below(limits.len())].wrapping_sub(numbers.next() % 3);
                let at = (at & !7).min(bytes.len() - 8);
                bytes[at..at + 8].copy_from_slice(&word.to_le_bytes());
            }
        }
    }
}

#[test]
fn a_hundred_thousand_damaged_files_do_no_harm() {
    let mut numbers = Numbers(0x00fa_0175);
    let good = [File::good(), File::position_independent()].map(|file| file.bytes());
    let headers = 64 + 3 * 56;
    let mut runs = 0;
    for round in 0..100_000 {
        let mut bytes = good[round % 2].clone();
        damage(&mut bytes, headers, &mut numbers);
        if numbers.below(8) == 0 {
            bytes.truncate(numbers.below(good[0].len()));
        }
        let size = bytes.len() as u64;
        if let Ok(executable) = Executable::parse(&bytes, size, ROOM) {
            properties::check(&executable, size, ROOM);
            runs += 1;
        }
    }
    // Some damage hits fields that do not matter: both ways are well trodden.
    assert!((10_000..90_000).contains(&runs), "{runs} of 100,000 run");
}
