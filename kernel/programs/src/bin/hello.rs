//! The smallest program: it says hello, and what it was started with.
#![no_std]
#![no_main]

use programs::{Arguments, println, program};

program!(main);

fn main(arguments: Arguments) -> u8 {
    println!("Hello from ring 3.");
    for index in 1..arguments.count() {
        println!(
            "argument {index}: {}",
            arguments.get(index).unwrap_or("not in UTF-8")
        );
    }
    0
}
