//! Adds a matrix up row by row, and then column by column: the same numbers, and in
//! the second order each one is on another page than the one before.
//!
//! ```text
//!            page of 512 numbers
//!   row 0   [ 0 1 2 3 ....... ]     by rows:     one page after the other
//!   row 1   [ 0 1 2 3 ....... ]     by columns:  all pages for column 0, then
//!   ...                                          all pages again for the next
//! ```
#![no_std]
#![no_main]

use programs::words::{Numbers, words};
use programs::{Arguments, println, program};

program!(main);

/// Rows if there is no argument.
const USUAL: usize = 2048;
/// The most that it has.
const MOST: usize = 1 << 24;
/// Numbers of a row, which take a page.
const COLUMNS: usize = 512;
/// Every so many columns are added up.
const STEP: usize = 128;

fn main(arguments: Arguments) -> u8 {
    let rows = match arguments.get(1).map(str::parse) {
        None => USUAL,
        Some(Ok(rows)) if (1..=MOST).contains(&rows) => rows,
        Some(_) => {
            println!("usage: matrix [ROWS], 1 to {MOST}");
            return 2;
        }
    };
    let matrix = match words(rows * COLUMNS) {
        Ok(matrix) => matrix,
        Err(error) => {
            println!("no memory for {rows} rows: {error}");
            return 1;
        }
    };
    for (number, random) in matrix.iter_mut().zip(Numbers::from(2)) {
        *number = random;
    }
    let wanted = || (0..COLUMNS).step_by(STEP);
    let mut by_rows = 0_u64;
    for row in matrix.chunks_exact(COLUMNS) {
        by_rows = wanted().fold(by_rows, |sum, column| sum.wrapping_add(row[column]));
    }
    println!("{rows} rows, {} columns of each", wanted().count());
    println!("by rows:    {by_rows:016x}");
    let mut by_columns = 0_u64;
    for column in wanted() {
        let numbers = matrix[column..].iter().step_by(COLUMNS);
        by_columns = numbers.fold(by_columns, |sum, number| sum.wrapping_add(*number));
    }
    println!("by columns: {by_columns:016x}");
    u8::from(by_rows != by_columns)
}
