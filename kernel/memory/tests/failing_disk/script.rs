//! The steps of scripts: some by hand, each for one way in which pages go, come back
//! and change hands; and others that are made up.

use Step::{
    Discard, Evict, Exit, ForgetSaved, Fork, Free, Move, Protect, Read, ReadAhead, Replace, Write,
};

/// A space, counted round over those that there are.
type Space = usize;
/// A page, and how many there are from there on.
type Page = u64;
type Pages = u64;

/// Pages of the stretch that regions lie in; the first [`MAPPED`] are mapped at first.
pub const STRETCH: Page = 20;
/// The first of them have demand backing, and the others come from the zero frame.
pub const DEMAND: Page = 10;
pub const MAPPED: Page = 16;

/// One step.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    Read(Space, Page),
    /// Reads the page, if it is in a slot, into a frame while nobody holds the space.
    ReadAhead(Space, Page),
    Write(Space, Page),
    /// Tries to evict so often.
    Evict(Space, Pages),
    Fork(Space),
    /// Takes the right to write, or gives it back.
    Protect(Space, Page, Pages, bool),
    Discard(Space, Page, Pages),
    Free(Space, Page, Pages),
    Move(Space, Page, Pages, Page),
    Replace(Space, Page, Pages),
    Exit(Space),
    /// No page in memory keeps the slot that it came from.
    ForgetSaved,
}

/// A name, the steps, and how many writes and reads there are.
type Script = (&'static str, &'static [Step], u64, u64);

/// Those that are written by hand.
pub const SCRIPTS: [Script; 6] = [
    (
        "pages go, come back, and go without a write unless they were written",
        &[
            Write(0, 0),
            Write(0, 1),
            Write(0, 12),
            Evict(0, 4),
            Read(0, 0),
            ReadAhead(0, 1),
            Write(0, 12),
            Evict(0, 4),
            Read(0, 0),
            Write(0, 1),
            Read(0, 12),
            ForgetSaved,
            Evict(0, 4),
            Read(0, 12),
        ],
        7,
        7,
    ),
    (
        "a fork owns slots with its parent, and each writes a copy of its own",
        &[
            Write(0, 0),
            Write(0, 1),
            Write(0, 2),
            Evict(0, 2),
            Fork(0),
            Write(0, 0),
            Read(1, 0),
            Write(1, 2),
            ReadAhead(1, 1),
            Evict(0, 4),
            Evict(1, 4),
            Fork(1),
            Read(2, 0),
            Read(2, 1),
            Read(2, 2),
            Exit(1),
            Evict(1, 4),
            Read(0, 0),
            Read(1, 2),
        ],
        5,
        8,
    ),
    (
        "rights change while pages are in slots",
        &[
            Write(0, 8),
            Write(0, 9),
            Write(0, 10),
            Write(0, 11),
            Evict(0, 5),
            Protect(0, 9, 2, false),
            Read(0, 9),
            Write(0, 10),
            Read(0, 10),
            Evict(0, 3),
            Fork(0),
            Protect(0, 9, 2, true),
            Write(0, 9),
            Write(1, 9),
            ReadAhead(1, 10),
            Evict(0, 3),
            Evict(1, 3),
            Write(0, 10),
        ],
        5,
        5,
    ),
    (
        "pages in slots are discarded, freed, moved and replaced",
        &[
            Write(0, 0),
            Write(0, 1),
            Write(0, 2),
            Write(0, 3),
            Write(0, 13),
            Evict(0, 6),
            Discard(0, 0, 1),
            Read(0, 0),
            Move(0, 1, 2, 17),
            ReadAhead(0, 17),
            Write(0, 18),
            Replace(0, 3, 2),
            Write(0, 3),
            Free(0, 13, 1),
            Evict(0, 6),
            Read(0, 17),
            Read(0, 18),
            Read(0, 3),
            Fork(0),
            Free(0, 0, 20),
            Read(1, 18),
        ],
        8,
        5,
    ),
    (
        "more pages than slots: some in memory give theirs to those that have none",
        &[
            Write(0, 0),
            Write(0, 1),
            Write(0, 2),
            Write(0, 3),
            Write(0, 4),
            Write(0, 5),
            Write(0, 6),
            Write(0, 7),
            Evict(0, 8),
            Read(0, 0),
            Read(0, 1),
            Read(0, 2),
            Read(0, 3),
            Write(0, 8),
            Write(0, 9),
            Write(0, 10),
            Write(0, 11),
            Write(0, 12),
            Write(0, 13),
            Write(0, 14),
            Write(0, 15),
            Evict(0, 8),
            Evict(0, 3),
            Discard(0, 4, 2),
            Evict(0, 6),
            Read(0, 0),
            Read(0, 1),
            Read(0, 15),
        ],
        18,
        5,
    ),
    (
        "a program ends with pages in slots, and another takes them",
        &[
            Write(0, 0),
            Write(0, 1),
            Evict(0, 3),
            Fork(0),
            Read(1, 0),
            Exit(0),
            Write(0, 1),
            Write(0, 2),
            Evict(0, 4),
            Fork(0),
            Exit(0),
            Read(0, 0),
            Read(0, 1),
            Read(0, 2),
        ],
        4,
        5,
    ),
];

/// Makes steps up, by Marsaglia's xorshift with 64 bits of state.
pub struct Random(u64);

impl Random {
    /// The seed is not 0.
    pub fn new(seed: u64) -> Self {
        let mut random = Self(seed);
        // Small seeds are much alike at first.
        (0..16).for_each(|_| {
            random.below(2);
        });
        random
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % end
    }

    pub fn step(&mut self) -> Step {
        let space = self.below(3) as usize;
        // Half of them are one of a few that are used more than others.
        let among = if self.below(2) == 0 { 5 } else { STRETCH };
        let page = self.below(among);
        let pages = 1 + self.below(4);
        match self.below(100) {
            0..15 => Read(space, page),
            15..24 => ReadAhead(space, page),
            24..50 => Write(space, page),
            50..74 => Evict(space, pages),
            74..80 => Fork(space),
            80..84 => Protect(space, page, pages, self.below(3) > 0),
            84..87 => Discard(space, page, pages),
            87..89 => Free(space, page, pages),
            89..92 => Move(space, page, pages, self.below(STRETCH)),
            92..95 => Replace(space, page, pages),
            95..98 => Exit(space),
            _ => ForgetSaved,
        }
    }
}
