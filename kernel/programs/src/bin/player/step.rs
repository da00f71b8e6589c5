//! One step: a system call or an access, its result, and either its faults and the
//! pages that are there afterwards, or what is in them.

use core::ops::Range;
use core::{fmt, mem};

use programs::calls;
use programs::errno::Errno;
use programs::faults::{PAGE, faults};

use crate::log::Log;
use crate::look;
use crate::script::{ARENA, HEAP_UNITS, Script, Step};

/// The system calls that a script can make with arguments of its own.
const CALLS: [(&str, usize); 13] = [
    ("read", 0),
    ("write", 1),
    ("close", 3),
    ("lseek", 8),
    ("mmap", 9),
    ("mprotect", 10),
    ("munmap", 11),
    ("brk", 12),
    ("pread64", 17),
    ("pwrite64", 18),
    ("mremap", 25),
    ("madvise", 28),
    ("ftruncate", 77),
];

/// What is told of a step besides its result.
#[derive(Clone, Copy)]
pub(crate) enum Tells {
    /// Its faults, and which pages are there afterwards.
    Costs,
    /// After every so many steps, what is in all pages: nothing that depends on
    /// how many frames there are.
    Contents,
}

/// Contents are told after so many steps. Those that are read have all come back then,
/// so others are written to, for the next steps to find most pages gone.
const EVERY: usize = 8;
/// So many.
const OTHERS: usize = 128;

/// A process that plays steps.
pub(crate) struct Player {
    script: Script,
    tells: Tells,
    heap: usize,
    /// Where it ends.
    heap_end: usize,
    /// An object to try with what can be read.
    object: usize,
    /// Where the kernel last placed a mapping of its own choice.
    elsewhere: Range<usize>,
}

/// A number, or an address by what it is relative to.
struct Value(usize, Base);

/// What a step returned, or why it failed.
struct Told(Result<Value, Errno>);

enum Base {
    Number,
    Arena,
    Heap,
    Elsewhere,
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Base::Number => write!(f, "{}", self.0),
            Base::Arena => write!(f, "arena+{:#x}", self.0),
            Base::Heap => write!(f, "heap+{:#x}", self.0),
            Base::Elsewhere => f.write_str("elsewhere"),
        }
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Ok(value) => value.fmt(f),
            Err(error) => error.fmt(f),
        }
    }
}

impl Player {
    /// One with the heap where it is.
    pub(crate) fn new(script: Script, tells: Tells, heap: usize, object: usize) -> Self {
        Self {
            script,
            tells,
            heap,
            heap_end: heap,
            object,
            elsewhere: 0..0,
        }
    }

    /// The arguments of a step.
    pub(crate) fn arguments(&self, step: &Step) -> [usize; 6] {
        step.arguments(self.script.unit, self.heap, self.elsewhere.start)
    }

    /// Plays a step, and tells what came of it.
    pub(crate) fn play(&mut self, number: usize, step: &Step, log: &Log) {
        let arguments = self.arguments(step);
        let before = faults();
        let result = self.perform(step.name, arguments);
        let cost = if self.script.faults {
            faults() - before
        } else {
            0
        };
        self.prepare(step.name, arguments, result);
        let who = step.who;
        let result = result.map(|value| self.value(step.name, arguments, value));
        let result = Told(result);
        match self.tells {
            Tells::Costs => {
                let Script { unit, units, .. } = self.script;
                let arena = look::Residency::of(ARENA, unit, units);
                let heap = look::Residency::of(self.heap, unit, HEAP_UNITS);
                log.tell(format_args!(
                    "{number} {who} {result} faults={cost} arena={arena} heap={heap}"
                ));
            }
            Tells::Contents if number.is_multiple_of(EVERY) || step.name == "contents" => {
                let of = |range| look::contents(range, self.script.unit, self.object);
                let [arena, heap] = self.ranges().map(of);
                let elsewhere = of(self.elsewhere.clone());
                log.tell(format_args!(
                    "{number} {who} {result} arena={arena:x} heap={heap:x} elsewhere={elsewhere:x}"
                ));
                look::press(OTHERS);
            }
            Tells::Contents => log.tell(format_args!("{number} {who} {result}")),
        }
    }

    fn perform(&self, name: &str, arguments: [usize; 6]) -> Result<usize, Errno> {
        let [address, value, ..] = arguments;
        match name {
            // SAFETY: no Rust value lies where scripts read and write; an address that
            // may not be read or written ends the process by a signal.
            "get" => Ok(unsafe { (address as *const u8).read_volatile() }.into()),
            "put" => {
                // SAFETY: as above.
                unsafe { (address as *mut u8).write_volatile(value as u8) };
                Ok(0)
            }
            "memfd" => calls::object(c"object"),
            "contents" => Ok(self.contents()),
            _ => {
                let call = CALLS.iter().find(|(known, _)| *known == name);
                let (_, number) = call.expect("a script has known steps only");
                // SAFETY: it changes pages of the arena, of the heap and of mappings
                // of the script, where no Rust value lies.
                unsafe { calls::call(*number, arguments) }
            }
        }
    }

    /// Has the kernel know that pages of a new mapping can differ from what they show at
    /// first. Linux copies the page table of a mapping in a fork only if some page of it
    /// was written to; where none was, pages of zeroes that were read are not there in
    /// the child.
    fn prepare(&mut self, name: &str, arguments: [usize; 6], result: Result<usize, Errno>) {
        const DO_NOT_NEED: usize = 4;
        const POPULATE_WRITE: usize = 23;
        let Ok(address) = result else { return };
        let [_, length, rights, flags, ..] = arguments;
        let advise = |address, advice| {
            // SAFETY: no Rust value lies in what a script maps.
            let _ = unsafe { calls::call(28, [address, PAGE, advice, 0, 0, 0]) };
        };
        let protect = |rights| {
            // SAFETY: as above.
            let _ = unsafe { calls::protect(address, length, rights) };
        };
        match name {
            "mmap" if flags & (calls::PRIVATE | calls::POPULATE) == calls::PRIVATE => {
                protect(calls::READ | calls::WRITE);
                advise(address, POPULATE_WRITE);
                advise(address, DO_NOT_NEED);
                protect(rights);
            }
            "brk" => {
                let before = mem::replace(&mut self.heap_end, address);
                let new = before.next_multiple_of(PAGE);
                if address > new {
                    advise(new, POPULATE_WRITE);
                    advise(new, DO_NOT_NEED);
                }
            }
            _ => {}
        }
    }

    /// The arena, and the pages of the heap that are looked at.
    fn ranges(&self) -> [Range<usize>; 2] {
        let Script { unit, units, .. } = self.script;
        [(ARENA, units), (self.heap, HEAP_UNITS)]
            .map(|(start, units)| start..start + units * unit * PAGE)
    }

    /// A digest of all that can be read in the first pages of units.
    fn contents(&self) -> usize {
        let of = |range| look::contents(range, self.script.unit, self.object);
        let [arena, heap] = self.ranges().map(of);
        arena.rotate_left(1) ^ heap
    }

    /// What a step returned; where the kernel chose to map something is remembered.
    fn value(&mut self, name: &str, arguments: [usize; 6], value: usize) -> Value {
        if !matches!(name, "mmap" | "mremap" | "brk") {
            return Value(value, Base::Number);
        }
        let pages = self.script.unit * self.script.units;
        let in_arena = value.wrapping_sub(ARENA);
        if in_arena <= pages * PAGE {
            Value(in_arena, Base::Arena)
        } else if name == "brk" {
            Value(value.wrapping_sub(self.heap), Base::Heap)
        } else {
            let length = arguments[if name == "mmap" { 1 } else { 2 }];
            self.elsewhere = value..value + length.next_multiple_of(PAGE);
            Value(0, Base::Elsewhere)
        }
    }
}
