//! A prompt without a monitor, for the tests of the runner: says of every line what came of it.
//!
//! Each line is answered with its length and a checksum of its bytes. Five
//! words do more: `exit N`, `hang`, `map` (writes to one page of a region),
//! `unmap`, and `run TEXT` (says the text, as if a program had ended so). Ctrl-C drops a line, Ctrl-D on an empty one powers off.
#![no_std]
#![no_main]

mod common;

use common::{allocate, free, pages_at, write};
use kernel::boot::BootInfo;
use kernel::console::input;
use kernel::exit::{ExitStatus, exit};
use kernel::{interrupts, print, println, testing};
use memory::space::{Backing, Region};

kernel::entry!(main);

const CTRL_C: u8 = 0x03;
const CTRL_D: u8 = 0x04;

/// So much of a line is kept and echoed.
const KEPT: usize = 64;

/// What is known of a line.
struct Line {
    start: [u8; KEPT],
    length: usize,
    sum: u64,
}

impl Line {
    const fn empty() -> Self {
        Self {
            start: [0; KEPT],
            length: 0,
            sum: 0xcbf2_9ce4_8422_2325,
        }
    }

    /// Takes one byte more; the checksum is FNV-1a of 64 bits.
    fn push(&mut self, byte: u8) {
        if let Some(place) = self.start.get_mut(self.length) {
            *place = byte;
            print!("{}", char::from(byte));
        }
        self.length += 1;
        self.sum = (self.sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    }

    fn text(&self) -> &str {
        let kept = &self.start[..self.length.min(KEPT)];
        kept.utf8_chunks().next().map_or("", |chunk| chunk.valid())
    }
}

fn main(boot: BootInfo) -> ! {
    // SAFETY: once, first, with what the boot loader handed over.
    unsafe { testing::set_up(boot, answer) }
}

fn answer() -> ! {
    interrupts::init();
    let mut region = None;
    loop {
        print!("> ");
        let line = read_line();
        println!();
        println!("line bytes={} sum={:#018x}", line.length, line.sum);
        match line.text().split_once(' ').unwrap_or((line.text(), "")) {
            ("exit", number) => exit(ExitStatus::Exit(number.parse().unwrap_or(63))),
            ("hang", _) => loop {
                x86_64::instructions::hlt();
            },
            ("run", text) => println!("{text}"),
            ("map", _) => region = Some(map()),
            ("unmap", _) => {
                let freed: Option<Region> = region.take();
                println!("frames={}", freed.map_or(0, |region| free(&region)));
            }
            _ => {}
        }
    }
}

fn map() -> Region {
    let region = allocate(pages_at(0x10000, 2, Backing::Demand));
    write(&region, 0x1004, 1);
    region
}

/// Reads up to a line end.
fn read_line() -> Line {
    let mut line = Line::empty();
    loop {
        match input::read() {
            b'\n' | b'\r' => return line,
            CTRL_C => {
                print!("^C\n> ");
                line = Line::empty();
            }
            CTRL_D if line.length == 0 => {
                println!();
                exit(ExitStatus::Success)
            }
            byte => line.push(byte),
        }
    }
}
