//! Sorts as many numbers as fit into its memory, which may be more than the machine
//! has: the pages that it is not at go to a disk meanwhile.
//!
//! ```text
//! fill ──> checksum ──> sort ──> in order? the same checksum?
//! ```
#![no_std]
#![no_main]

use programs::words::{Numbers, checksum, words};
use programs::{Arguments, println, program};

program!(main);

/// Mebibytes if there is no argument.
const USUAL: usize = 8;
/// The most that it takes.
const MOST: usize = 1 << 20;
/// Words of a mebibyte.
const WORDS: usize = (1 << 20) / size_of::<u64>();

fn main(arguments: Arguments) -> u8 {
    let size = match arguments.get(1).map(str::parse) {
        None => USUAL,
        Some(Ok(size)) if (1..=MOST).contains(&size) => size,
        Some(_) => {
            println!("usage: sort-big [MEBIBYTES], 1 to {MOST}");
            return 2;
        }
    };
    let numbers = match words(size * WORDS) {
        Ok(numbers) => numbers,
        Err(error) => {
            println!("no memory for {size} MiB: {error}");
            return 1;
        }
    };
    for (number, random) in numbers.iter_mut().zip(Numbers::from(1)) {
        *number = random;
    }
    let before = checksum(numbers);
    println!("{} numbers, checksum {before:016x}", numbers.len());
    numbers.sort_unstable();
    let is_sorted = numbers.is_sorted();
    let after = checksum(numbers);
    println!(
        "sorted, {}, checksum {after:016x}",
        if is_sorted {
            "in order"
        } else {
            "NOT in order"
        }
    );
    u8::from(!is_sorted || after != before)
}
