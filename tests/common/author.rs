//! Commands for the monitor made up at random, valid and not.

use core::fmt::{self, Write};

use kernel::layout::{DIRECT_MAP, KERNEL_HALF};

use crate::session::Page;

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
pub struct Author {
    random: Random,
    regions: [u64; 16],
    next: usize,
}

impl Author {
    /// An author that knows of no region; the seed is not 0.
    pub fn new(seed: u64) -> Self {
        Self {
            random: Random(seed),
            regions: [0x1000; 16],
            next: 0,
        }
    }

    /// A region that there is now.
    pub fn remember(&mut self, region: u64) {
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

    /// Writes a command to an empty page.
    pub fn line(&mut self, line: &mut Page) {
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
