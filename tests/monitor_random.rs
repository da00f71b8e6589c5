//! 10,000 commands made at random, valid and not: the machine lives, every
//! invariant holds, and after everything is freed every frame is back.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(kernel::testing::run)]
#![reexport_test_harness_main = "test_main"]

extern crate alloc;

#[path = "common/session.rs"]
mod session;

use core::fmt::{self, Write};

use kernel::layout::{DIRECT_MAP, KERNEL_HALF};
use kernel::monitor::Monitor;
use kernel::monitor::output::Output;
use kernel::spaces;
use memory::frames::Counts;
use session::{Page, field};
use x86_64::VirtAddr;

kernel::test_kernel!(test_main);

const COMMANDS: u64 = 10_000;
const SEED: u64 = 0x5eed_0000_fa17;

/// Marsaglia's xorshift with 64 bits of state.
struct Random(u64);

impl Random {
    /// A number below `bound`.
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }
}

/// Makes commands up, with addresses of regions that there are, or were.
struct Author {
    random: Random,
    regions: [u64; 16],
    next: usize,
}

impl Author {
    fn remember(&mut self, region: u64) {
        self.regions[self.next % 16] = region;
        self.next += 1;
    }

    fn address(&mut self) -> u64 {
        const ELSEWHERE: [u64; 12] = [
            0,
            0xfff,
            0x1001,
            0x10_0000_0000,
            0x7fff_ffff_f000,
            0x7fff_ffff_ffff,
            0x8000_0000_0000,
            0x8000_0000_0000_0000,
            0xffff_7fff_ffff_ffff,
            0xffff_c000_0000_0000, // the guard of the kernel stack
            0xffff_ffff_ffff_f000,
            u64::MAX,
        ];
        let base = self.random.one_of(&self.regions);
        match self.random.below(16) {
            0 => self.random.one_of(&ELSEWHERE),
            1 => KERNEL_HALF.as_u64() + self.random.below(0x1000),
            2 => DIRECT_MAP.as_u64() + 0x10_0000 + self.random.below(0x1000),
            3 => base + self.random.below(0x20_0000),
            4..7 => base + self.random.below(0x4000),
            7..10 => base + 0x1000 * self.random.below(8),
            _ => base,
        }
    }

    fn size(&mut self) -> &'static str {
        const SIZES: [&str; 18] = [
            "4K",
            "4K",
            "8K",
            "8K",
            "12K",
            "16K",
            "0x5000",
            "64K",
            "64K",
            "1_00",
            "1",
            "2M",
            "3M",
            "0",
            "1G",
            "0xffff_ffff_ffff_ffff",
            "0x8000_0000_0000",
            "4X",
        ];
        self.random.one_of(&SIZES)
    }

    /// A size of which every byte or page may be accessed, one by one.
    fn short(&mut self) -> &'static str {
        const SIZES: [&str; 10] = ["1", "5", "4K", "4097", "8K", "64K", "100K", "2M", "0", "-5"];
        self.random.one_of(&SIZES)
    }

    fn line(&mut self, line: &mut Page) {
        line.clear();
        let kind = self.random.below(100);
        match kind {
            0..18 => {
                let backing =
                    self.random
                        .one_of(&["immediate", "demand", "zero", "demand", "zero", "lazy"]);
                let size = self.size();
                write!(line, "alloc {backing} {size}")
            }
            18..22 => write!(line, "guard {}", self.size()),
            22..24 => {
                let start = self.random.one_of(&[
                    "0xd0000000",
                    "0xd0001000",
                    "0x100000",
                    "7",
                    "0xfee00000",
                ]);
                write!(line, "mmio {start} {}", self.size())
            }
            24..36 => write!(line, "free {:#x}", self.address()),
            36..44 => {
                let rights = self.random.one_of(&["r", "rw", "rx", "x"]);
                write!(
                    line,
                    "protect {:#x} {} {rights}",
                    self.address(),
                    self.size()
                )
            }
            44..50 => write!(line, "discard {:#x} {}", self.address(), self.size()),
            50..57 => write!(line, "read {:#x} {}", self.address(), self.short()),
            57..64 => write!(line, "write {:#x} 1 0x2 {}", self.address(), self.short()),
            64..69 => write!(line, "fill {:#x} {} 0x5a", self.address(), self.short()),
            69..80 => {
                let access = self.random.one_of(&["r", "w", "r", "w", "rw"]);
                write!(
                    line,
                    "touch {:#x} {} {access}",
                    self.address(),
                    self.short()
                )
            }
            80..83 => write!(line, "walk {:#x}", self.address()),
            83..88 => {
                let what = self
                    .random
                    .one_of(&["new", "0", "1", "2", "free 1", "free 2", "free 0", "9"]);
                write!(line, "space {what}")
            }
            88..90 => {
                let limit = self
                    .random
                    .one_of(&["0", "1", "5", "40", "100000", "off", "off", "off"]);
                write!(line, "limit frames {limit}")
            }
            90..95 => {
                let look = self.random.one_of(&[
                    "regions",
                    "frames",
                    "faults",
                    "heap",
                    "spaces",
                    "map physical",
                    "map virtual",
                    "trace on",
                    "trace off",
                ]);
                write!(line, "{look}")
            }
            95 => write!(line, "audit"),
            _ => self.noise(line),
        }
        .expect("a line is short");
        if kind < 18 {
            self.options(line);
        }
        if self.random.below(40) == 0 {
            write!(line, " surplus").expect("a line is short");
        }
    }

    /// The optional words of `alloc`.
    fn options(&mut self, line: &mut Page) {
        const OPTIONS: [&str; 12] = [
            "4K",
            "2M",
            "1G",
            "around=1",
            "around=16",
            "around=512",
            "around=3",
            "rights=r",
            "rights=rw",
            "rights=rx",
            "rights=",
            "8K",
        ];
        for _ in 0..self.random.below(3) {
            let option = self.random.one_of(&OPTIONS);
            write!(line, " {option}").expect("a line is short");
        }
    }

    /// Printable characters, with no meaning on purpose.
    fn noise(&mut self, line: &mut Page) -> fmt::Result {
        (0..self.random.below(200)).try_for_each(|_| {
            let character = b' ' + self.random.below(95) as u8;
            line.write_char(char::from(character))
        })
    }
}

/// Executes a line, and leaves the answer on the page.
fn answer(monitor: &mut Monitor, line: &str, page: &mut Page) {
    page.clear();
    let result = monitor.execute(line, &mut Output::new(page));
    if let Err(error) = result {
        writeln!(page, "error: {error}").expect("a page is long");
    }
}

fn frame_counts() -> Counts {
    spaces::physical(|physical| physical.frames().counts())
}

#[test_case]
fn ten_thousand_random_commands_leave_every_frame_where_it_was() {
    let mut page = Page::new(1 << 20);
    let mut line = Page::new(1 << 10);
    let mut monitor = Monitor::new();
    let mut author = Author {
        random: Random(SEED),
        regions: [0x1000; 16],
        next: 0,
    };
    let before = frame_counts();
    let (mut errors, mut regions, mut refused) = (0, 0, 0);
    for number in 0..COMMANDS {
        author.line(&mut line);
        answer(&mut monitor, line.text(), &mut page);
        let text = page.text();
        if let Some(start) = text.find("error: ") {
            assert_eq!(
                text[start..].matches('\n').count(),
                1,
                "{}: {text}",
                line.text()
            );
            errors += 1;
            refused += u64::from(text.contains(" was refused: "));
        } else if line.text().starts_with("alloc") {
            let base = field(text, "region").expect("alloc tells the region");
            author.remember(u64::from_str_radix(&base[2..], 16).expect("an address"));
            regions += 1;
        }
        if number % 100 == 99 {
            audit(&mut monitor, &mut page);
        }
    }
    free_everything(&mut monitor, &mut page);
    audit(&mut monitor, &mut page);
    assert_eq!(frame_counts(), before);
    // The commands were not all of one kind.
    assert!(
        errors > COMMANDS / 10 && errors < COMMANDS * 9 / 10,
        "{errors} errors"
    );
    assert!(regions > COMMANDS / 50, "{regions} regions");
    assert!(refused > COMMANDS / 50, "{refused} refused accesses");
}

fn audit(monitor: &mut Monitor, page: &mut Page) {
    let limit = frame_counts().limit;
    answer(monitor, "limit frames off", page);
    answer(monitor, "audit", page);
    assert!(page.text().starts_with("audit=ok "), "{}", page.text());
    spaces::physical(|physical| physical.frames_mut().set_limit(limit));
}

/// Frees all that is left, with the monitor's own commands.
fn free_everything(monitor: &mut Monitor, page: &mut Page) {
    let mut line = Page::new(1 << 10);
    answer(monitor, "trace off", page);
    answer(monitor, "limit frames off", page);
    answer(monitor, "space 0", page);
    for number in 1..32 {
        line.clear();
        write!(line, "space free {number}").expect("a line is short");
        answer(monitor, line.text(), page);
    }
    answer(monitor, "spaces", page);
    assert_eq!(page.text().lines().count(), 1);
    while let Some(region) = spaces::current(|space, _, _| space.region_above(VirtAddr::zero())) {
        line.clear();
        write!(line, "free {:#x}", region.base).expect("a line is short");
        answer(monitor, line.text(), page);
        assert!(page.text().starts_with("freed="), "{}", page.text());
    }
}
