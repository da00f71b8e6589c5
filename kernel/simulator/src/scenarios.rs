//! What a page can play: lines that are typed, and what to look at after each.
//!
//! All lines but `flush` can be typed at the kernel's prompt, and are answered alike there.
//! The guard of 60 KiB puts what follows at 0x10000, where the kernel's tours have it.

use serde::Serialize;

/// A scenario.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Scenario {
    /// What it is called in an address: `#scenario=straddle`.
    pub name: &'static str,
    /// What it is called on the page.
    pub title: &'static str,
    /// What it shows.
    pub about: &'static str,
    /// Slots that the disk has.
    pub slots: u64,
    /// Where the window on program memory begins.
    pub window: u64,
    /// Parts of program memory that have a name: the name, the first address, bytes.
    pub marks: &'static [(&'static str, u64, u64)],
    /// What is typed.
    pub lines: &'static [Line],
}

/// A line that is typed.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Line {
    /// The line.
    pub text: &'static str,
    /// Why, or what to look at then.
    pub note: &'static str,
}

const fn line(text: &'static str, note: &'static str) -> Line {
    Line { text, note }
}

const BELOW: Line = line(
    "guard 60K",
    "Nothing below 0x10000: a null pointer, and what is near it, must fault.",
);

/// All scenarios, in the order of the page.
pub const SCENARIOS: [Scenario; 7] = [
    Scenario {
        name: "objects",
        title: "Three objects",
        about: "A byte allocator hands out 5, 10 and 100 bytes side by side. Which touch makes which page physical?",
        slots: 0,
        window: 0x1_0000,
        marks: &[
            ("a", 0x1_0000, 5),
            ("b", 0x1_0005, 10),
            ("c", 0x1_000f, 100),
        ],
        lines: &[
            BELOW,
            line(
                "alloc demand 8K",
                "Two pages of addresses, and no frame for them yet.",
            ),
            line(
                "fill 0x10000 5 0x61",
                "The first touch of object a: the page gets a frame. Its tables were missing, too.",
            ),
            line(
                "fill 0x10005 10 0x62",
                "Object b lies in the same page: no fault. The processor still knows the translation.",
            ),
            line(
                "fill 0x1000f 100 0x63",
                "Object c, too. One page served all three; the second was never touched.",
            ),
        ],
    },
    Scenario {
        name: "straddle",
        title: "The straddle",
        about: "The same three objects near the end of a page: the last one begins in one page and ends in the next.",
        slots: 0,
        window: 0x1_0f80,
        marks: &[
            ("a", 0x1_0f85, 5),
            ("b", 0x1_0f90, 10),
            ("c", 0x1_0fa0, 100),
        ],
        lines: &[
            BELOW,
            line("alloc demand 8K", "Two pages again."),
            line(
                "fill 0x10f85 5 0x61",
                "The first touch: a frame for the first page.",
            ),
            line("fill 0x10f90 10 0x62", "In the same page: no fault."),
            line(
                "fill 0x10fa0 100 0x63",
                "96 bytes lie in the first page. Byte 97 is the first of the next page, and faults there.",
            ),
            line(
                "walk 0x11003",
                "The last byte of c. Its page is a neighbour; its frame need not be.",
            ),
        ],
    },
    Scenario {
        name: "zero",
        title: "The zero page",
        about: "Pages that were never written are all zeroes, so one frame of zeroes serves all of them until somebody writes.",
        slots: 0,
        window: 0x1_1000,
        marks: &[],
        lines: &[
            BELOW,
            line("alloc zero 16K", "Four pages."),
            line(
                "read 0x10000",
                "A read: the page shows the shared frame of zeroes, read-only. No frame is taken but for tables.",
            ),
            line("read 0x11000", "The second page shows the same frame."),
            line("read 0x12000", "The third."),
            line("read 0x13000", "And the fourth: four faults, no frame."),
            line(
                "write 0x11000 0x5a",
                "A write to a read-only leaf of a writable region: the page gets a frame of its own, and the old translation is flushed.",
            ),
            line("read 0x11000", "What was written."),
            line("read 0x10000", "The others still read zeroes."),
        ],
    },
    Scenario {
        name: "protect",
        title: "A flush left out",
        about: "Rights are taken away, but the processor is not told. It goes on with the translation that it remembers.",
        slots: 0,
        window: 0x1_0000,
        marks: &[],
        lines: &[
            BELOW,
            line("alloc demand 4K", "One page."),
            line(
                "write 0x10000 1",
                "It becomes physical, and the processor remembers it as writable.",
            ),
            line(
                "flush off",
                "From now on the processor ignores what it is told to forget. (No kernel can be told this: here only.)",
            ),
            line(
                "protect 0x10000 4K r",
                "Region and entry are read-only. The cache is not: its translation is stale.",
            ),
            line(
                "write 0x10000 2",
                "The write goes through. No fault, no trace: the tables were never read.",
            ),
            line("flush", "The processor forgets everything, late."),
            line(
                "write 0x10000 3",
                "Now the tables are walked, and the region refuses.",
            ),
        ],
    },
    Scenario {
        name: "reuse",
        title: "A frame used twice",
        about: "A region is freed without a flush. Its frame goes to another page, and the old address still leads to it.",
        slots: 0,
        window: 0x1_2000,
        marks: &[],
        lines: &[
            BELOW,
            line("alloc demand 4K", "Region A, one page."),
            line("alloc demand 8K", "Region B, two pages."),
            line(
                "write 0x11000 0x42",
                "The first page of B becomes physical, with the tables.",
            ),
            line("write 0x10000 0x41", "The page of A."),
            line("flush off", "The processor ignores flushes from now on."),
            line(
                "free 0x10000",
                "A is gone: its frame is free, its entry unused. The translation is still cached.",
            ),
            line(
                "write 0x12000 0x43",
                "The second page of B gets a frame: the one that was A's.",
            ),
            line(
                "write 0x10000 0xee",
                "A write to an address that belongs to nobody. It does not fault.",
            ),
            line(
                "read 0x12000",
                "B reads what it never wrote. That is why frames are freed only after the flush.",
            ),
        ],
    },
    Scenario {
        name: "fork",
        title: "Fork and copy",
        about: "A copy of an address space shares all pages. Who writes first gets a copy, who writes last takes over.",
        slots: 0,
        window: 0x1_0000,
        marks: &[],
        lines: &[
            BELOW,
            line("alloc demand 8K", "Two pages."),
            line("fill 0x10000 8K 0x11", "Both become physical."),
            line(
                "space fork",
                "No page was copied. Both spaces show the same two frames, read-only; each has two owners.",
            ),
            line(
                "write 0x10000 0x22",
                "A write to a frame of two owners: a copy. The child keeps the old frame.",
            ),
            line(
                "space 1",
                "The child is loaded, and its root: the processor forgets the parent's translations.",
            ),
            line(
                "read 0x10000",
                "The child reads what was there when it was forked.",
            ),
            line(
                "write 0x10000 0x33",
                "Its frame has one owner left: it is writable where it is, without a copy.",
            ),
            line(
                "write 0x11000 0x44",
                "The other page is still shared: a copy.",
            ),
            line("space 0", "Back in the parent."),
            line("space free 1", "The child ends, and its frames come back."),
            line(
                "write 0x11000 0x55",
                "The parent is the last owner: no copy.",
            ),
        ],
    },
    Scenario {
        name: "clock",
        title: "The clock",
        about: "Frames are short, so pages go to a disk. The hand of a clock gives those that were used a second chance.",
        slots: 64,
        window: 0x1_0000,
        marks: &[],
        lines: &[
            BELOW,
            line("alloc demand 32K", "Eight pages."),
            line(
                "fill 0x10000 32K 0x77",
                "All of them are written, so all have ACCESSED and DIRTY set.",
            ),
            line(
                "evict 2",
                "The hand clears ACCESSED on its first lap, and takes the first two pages on the second. Both were dirty: both are written.",
            ),
            line(
                "touch 0x12000 8K r",
                "Two pages are used again: ACCESSED is set.",
            ),
            line(
                "evict 2",
                "The hand passes these two, and takes the next two.",
            ),
            line(
                "read 0x10000",
                "A page that went: the fault waits until its slot is read.",
            ),
            line(
                "evict 5",
                "The page that came back was only read. Its slot holds it already: nothing is written for it.",
            ),
            line("swap", "Writes and reads of the disk so far."),
        ],
    },
];

/// The scenario of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Scenario> {
    SCENARIOS.iter().find(|scenario| scenario.name == name)
}
