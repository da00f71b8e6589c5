//! Takes memory page by page and never lets go: whatever becomes of the pages
//! meanwhile, each holds in the end what was written to it last, for the program and
//! for its child.
#![no_std]
#![no_main]

use programs::words::{checksum, words};
use programs::{Arguments, println, process, program};

program!(main);

/// Mebibytes if there is no argument.
const USUAL: usize = 4;
/// The most that it takes.
const MOST: usize = 1 << 20;
/// Words of a page, and pages of a mebibyte.
const WORDS: usize = 512;
const PAGES: usize = 256;
/// How often it goes over its pages.
const ROUNDS: u64 = 3;

/// What a word of a page holds after a round.
fn word_of(page: usize, index: usize, round: u64) -> u64 {
    let place = (page * WORDS + index) as u64;
    (place.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ round).rotate_left(17)
}

/// Writes some words to each page: with all of them, time would go by in writing.
fn write(memory: &mut [u64], round: u64) {
    for (page, words) in memory.chunks_exact_mut(WORDS).enumerate() {
        for index in [0, 1 + page % (WORDS - 2), WORDS - 1] {
            words[index] = word_of(page, index, round);
        }
    }
}

/// How many pages hold another thing than was written.
fn wrong(memory: &[u64], round: u64) -> usize {
    let pages = memory.chunks_exact(WORDS).enumerate();
    let is_wrong = |(page, words): &(usize, &[u64])| {
        let places = [0, 1 + page % (WORDS - 2), WORDS - 1];
        places
            .iter()
            .any(|&index| words[index] != word_of(*page, index, round))
    };
    pages.filter(is_wrong).count()
}

fn main(arguments: Arguments) -> u8 {
    let size = match arguments.get(1).map(str::parse) {
        None => USUAL,
        Some(Ok(size)) if (1..=MOST).contains(&size) => size,
        Some(_) => {
            println!("usage: hog [MEBIBYTES], 1 to {MOST}");
            return 2;
        }
    };
    let memory = match words(size * PAGES * WORDS) {
        Ok(memory) => memory,
        Err(error) => {
            println!("no memory for {size} MiB: {error}");
            return 1;
        }
    };
    let mut all_wrong = 0;
    for round in 1..=ROUNDS {
        write(memory, round);
        let wrong = wrong(memory, round);
        println!("round {round}: {wrong} of {} pages wrong", size * PAGES);
        all_wrong += wrong;
    }
    let child = process::fork(|| {
        let before = wrong(memory, ROUNDS);
        write(memory, ROUNDS + 1);
        let after = wrong(memory, ROUNDS + 1);
        println!("child: {before} wrong before it wrote, {after} after");
        u8::from(before + after > 0)
    });
    let ended = child.and_then(|child| child.wait());
    match ended {
        Ok(ended) => println!("its child {ended}"),
        Err(error) => println!("no child: {error}"),
    }
    let wrong = wrong(memory, ROUNDS);
    println!("{wrong} wrong, checksum {:016x}", checksum(memory));
    u8::from(all_wrong + wrong > 0 || ended.is_err())
}
