//! Forks until it is refused, or until there are as many children as its argument
//! says, and cleans up.
#![no_std]
#![no_main]

use core::array;

use programs::process::{Child, KILL};
use programs::{Arguments, calls, println, process, program};

program!(main);

/// Children if there is no argument.
const USUAL: usize = 32;
/// The most that it remembers.
const MOST: usize = 4096;

fn main(arguments: Arguments) -> u8 {
    let wanted = match arguments.get(1).map(str::parse) {
        None => USUAL,
        Some(Ok(wanted)) if wanted <= MOST => wanted,
        Some(_) => {
            println!("usage: bomb [CHILDREN], at most {MOST}");
            return 2;
        }
    };
    let mut children: [Option<Child>; MOST] = array::from_fn(|_| None);
    let mut made = 0;
    let mut refused = None;
    while made < wanted && refused.is_none() {
        match process::fork(|| {
            loop {
                // It lives until it is killed.
                let _ = calls::give_way();
            }
        }) {
            Ok(child) => {
                children[made] = Some(child);
                made += 1;
                // In its turn it writes to its pages: when memory is short, the next
                // fork is refused, and not a write of somebody's.
                let _ = calls::give_way();
            }
            Err(error) => refused = Some(error),
        }
    }
    match refused {
        None => println!("{made} of {wanted} children made"),
        Some(error) => println!("{made} of {wanted} children made; the next was refused: {error}"),
    }
    let mut reaped = 0;
    for child in children.into_iter().flatten() {
        let killed = child.kill(KILL).and_then(|()| child.wait());
        reaped += usize::from(killed.is_ok());
    }
    println!("{reaped} reaped");
    u8::from(reaped != made)
}
