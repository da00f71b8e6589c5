//! What a file of scripts looks like:
//!
//! ```text
//! script unit=1 units=64 faults      the arena: 64 units of 1 page; faults are told
//! 0 mmap p3 l4 3 0x32 -1 0           process 0 maps 4 units at unit 3 of the arena
//! 0 fork 1
//! 1 put p3 7                         process 1 writes a byte
//! 0 get p3+1
//! ```
//!
//! An argument is a number, or an address or a length in units: `p` from the arena's
//! start, `h` from the heap's, `m` from the mapping that the kernel last placed
//! elsewhere, `l` from 0. Bytes can be added: `p3+1`.

use programs::faults::PAGE;

/// Where the arena begins, far from all that a kernel places by itself.
pub(crate) const ARENA: usize = 0x10_0000_0000;
/// The most pages that an arena has.
pub(crate) const MOST_PAGES: usize = 256;
/// Units of the heap that are looked at.
pub(crate) const HEAP_UNITS: usize = 16;

/// One script.
#[derive(Clone, Copy)]
pub(crate) struct Script {
    /// Pages of a unit.
    pub(crate) unit: usize,
    /// Units of the arena.
    pub(crate) units: usize,
    /// Whether the faults of each step are told.
    pub(crate) faults: bool,
    /// Its steps, a line each.
    text: &'static str,
}

impl Script {
    /// All scripts of a file.
    pub(crate) fn all(text: &'static str) -> impl Iterator<Item = Self> {
        text.split("script ").skip(1).map(Self::new)
    }

    fn new(text: &'static str) -> Self {
        let (head, text) = text.split_once('\n').expect("a script has lines");
        let value = |name| {
            let word = head.split(' ').find_map(|word| word.strip_prefix(name));
            word.and_then(|value| value.parse().ok())
                .expect("a script begins with its sizes")
        };
        let (unit, units) = (value("unit="), value("units="));
        assert!(unit * units <= MOST_PAGES, "{head}");
        let faults = head.ends_with("faults");
        Self {
            unit,
            units,
            faults,
            text,
        }
    }

    /// Its steps, with their numbers.
    pub(crate) fn steps(self) -> impl Iterator<Item = (usize, Step)> {
        self.text.lines().map(Step::new).enumerate()
    }
}

/// One step.
#[derive(Clone, Copy)]
pub(crate) struct Step {
    /// The process whose step it is.
    pub(crate) who: usize,
    /// Its name.
    pub(crate) name: &'static str,
    arguments: &'static str,
}

impl Step {
    fn new(line: &'static str) -> Self {
        let (who, rest) = line.split_once(' ').expect("a step has a name");
        let (name, arguments) = rest.split_once(' ').unwrap_or((rest, ""));
        Self {
            who: who.parse().expect("a step begins with its process"),
            name,
            arguments,
        }
    }

    /// Its arguments; those that are missing are 0.
    pub(crate) fn arguments(&self, unit: usize, heap: usize, elsewhere: usize) -> [usize; 6] {
        let mut numbers = [0; 6];
        let words = self.arguments.split(' ').filter(|word| !word.is_empty());
        for (number, word) in numbers.iter_mut().zip(words) {
            let (word, bytes) = word.split_once('+').unwrap_or((word, "0"));
            let from = |start: usize| start.wrapping_add(parse(&word[1..]) * unit * PAGE);
            let value = match word.as_bytes()[0] {
                b'p' => from(ARENA),
                b'h' => from(heap),
                b'm' => from(elsewhere),
                b'l' => from(0),
                b'-' => parse(&word[1..]).wrapping_neg(),
                _ => parse(word),
            };
            *number = value.wrapping_add(parse(bytes));
        }
        numbers
    }
}

/// A number, decimal or hexadecimal.
fn parse(word: &str) -> usize {
    let number = match word.strip_prefix("0x") {
        Some(digits) => usize::from_str_radix(digits, 16),
        None => word.parse(),
    };
    number.expect("an argument is a number")
}
