//! Faults on purpose, by name: each goes wrong for real, to show its report.
//!
//! `crash=NAME` on the command line runs one instead of the example. What must
//! always hold: none returns. The machine ends as it would in earnest, and where
//! it does not, that is a panic.

mod memory;
mod sabotage;

use crate::exit::{ExitStatus, exit};
use crate::println;
use crate::report;

/// A way to go wrong.
pub struct Crash {
    /// Its name, of the characters a-z and `-`.
    pub name: &'static str,
    /// What it does, in a few words.
    pub does: &'static str,
    run: fn(),
}

/// All of them.
pub static CRASHES: [Crash; 21] = [
    Crash {
        name: "null",
        does: "writes to address 0",
        run: memory::null,
    },
    Crash {
        name: "unmapped",
        does: "reads 16 bytes past the end of a region",
        run: memory::unmapped,
    },
    Crash {
        name: "guard",
        does: "writes to a guard page",
        run: memory::guard,
    },
    Crash {
        name: "stack",
        does: "recurses for ever",
        run: memory::stack,
    },
    Crash {
        name: "write-readonly",
        does: "writes to the kernel's own code",
        run: memory::write_readonly,
    },
    Crash {
        name: "execute-data",
        does: "calls a value on the heap",
        run: memory::execute_data,
    },
    Crash {
        name: "heap-overrun",
        does: "writes past the end of a block of the heap, and frees it",
        run: memory::heap_overrun,
    },
    Crash {
        name: "non-canonical",
        does: "reads an address that no processor has",
        run: memory::non_canonical,
    },
    Crash {
        name: "non-canonical-stack",
        does: "does so through RBP: #SS, or #GP under emulation",
        run: memory::non_canonical_stack,
    },
    Crash {
        name: "user-page",
        does: "writes to a page of user programs, which SMAP forbids",
        run: memory::user_page,
    },
    Crash {
        name: "out-of-frames",
        does: "touches more pages than there are frames left",
        run: memory::out_of_frames,
    },
    Crash {
        name: "reserved-bit",
        does: "sets a reserved bit in a page-table entry, and reads there",
        run: sabotage::reserved_bit,
    },
    Crash {
        name: "no-progress",
        does: "takes the right to write out of an upper table, and writes",
        run: sabotage::no_progress,
    },
    Crash {
        name: "nested",
        does: "leads a table to where no memory is: the fault handler faults",
        run: sabotage::nested,
    },
    Crash {
        name: "locked",
        does: "touches a page while the memory manager is at work",
        run: sabotage::locked,
    },
    Crash {
        name: "double",
        does: "pushes without a stack: a double fault",
        run: sabotage::double,
    },
    Crash {
        name: "nmi",
        does: "lets the local APIC send an NMI while there is no stack",
        run: sabotage::nmi,
    },
    Crash {
        name: "machine-check",
        does: "calls the vector of machine checks while there is no stack",
        run: sabotage::machine_check,
    },
    Crash {
        name: "panic",
        does: "panics",
        run: panic,
    },
    Crash {
        name: "fault-in-report",
        does: "faults again while a fault is reported",
        run: fault_in_report,
    },
    Crash {
        name: "panic-in-report",
        does: "panics while a fault is reported",
        run: panic_in_report,
    },
];

/// The crash of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Crash> {
    CRASHES.iter().find(|crash| crash.name == name)
}

/// Runs the crash of this name, or says which there are and ends with status 1.
pub fn run(name: &str) -> ! {
    let Some(crash) = find(name) else {
        println!("crash={name} is none; there are:");
        for Crash { name, does, .. } in &CRASHES {
            println!("  {name:19} {does}");
        }
        exit(ExitStatus::Exit(1))
    };
    crash.run()
}

impl Crash {
    /// Goes wrong.
    ///
    /// # Panics
    ///
    /// If the machine went on all the same; `panic` does so at any rate.
    pub fn run(&self) -> ! {
        (self.run)();
        panic!("crash {}: the machine went on", self.name)
    }
}

fn panic() {
    panic!("this panic was asked for");
}

fn fault_in_report() {
    report::set_ending(|_| {
        memory::unmapped();
        ExitStatus::Success
    });
    memory::null();
}

fn panic_in_report() {
    report::set_ending(|report| {
        panic!(
            "the ending of a report panics, cr2={:#x}",
            report.context.cr2
        )
    });
    memory::null();
}
