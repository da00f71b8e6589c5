//! One step: a system call or an access, its result, its faults, and the pages that
//! are there afterwards.

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

/// A process that plays steps.
pub(crate) struct Player {
    script: Script,
    heap: usize,
    /// Where it ends.
    heap_end: usize,
    /// An object to try with what can be read.
    object: usize,
    /// Where the kernel last placed a mapping of its own choice.
    elsewhere: usize,
}

/// A number, or an address by what it is relative to.
struct Value(usize, Base);

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

impl Player {
    /// One with the heap where it is.
    pub(crate) fn new(script: Script, heap: usize, object: usize) -> Self {
        Self {
            script,
            heap,
            heap_end: heap,
            object,
            elsewhere: 0,
        }
    }

    /// The arguments of a step.
    pub(crate) fn arguments(&self, step: &Step) -> [usize; 6] {
        step.arguments(self.script.unit, self.heap, self.elsewhere)
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
        let Script { unit, units, .. } = self.script;
        let arena = look::Residency::of(ARENA, unit, units);
        let heap = look::Residency::of(self.heap, unit, HEAP_UNITS);
        let who = step.who;
        match result {
            Ok(value) => {
                let value = self.value(step.name, value);
                log.tell(format_args!(
                    "{number} {who} {value} faults={cost} arena={arena} heap={heap}"
                ));
            }
            Err(error) => log.tell(format_args!(
                "{number} {who} {error} faults={cost} arena={arena} heap={heap}"
            )),
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

    /// A digest of all that can be read in the first pages of units.
    fn contents(&self) -> usize {
        let Script { unit, units, .. } = self.script;
        let mut digest: usize = 0;
        for (start, units) in [(ARENA, units), (self.heap, HEAP_UNITS)] {
            for index in 0..units {
                let page = start + index * unit * PAGE;
                digest = if calls::can_read(page, self.object) {
                    look::contents(page, digest)
                } else {
                    digest.rotate_left(1)
                };
            }
        }
        digest
    }

    /// What a step returned; an address that the kernel chose is remembered.
    fn value(&mut self, name: &str, value: usize) -> Value {
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
            self.elsewhere = value;
            Value(0, Base::Elsewhere)
        }
    }
}
