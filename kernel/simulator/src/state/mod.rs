//! A moment of the machine, whole: what a page draws, and what tests count.
//!
//! What must always hold: looking changes nothing: no fault, no bit of an entry, no count.

pub mod cache;
pub mod frames;
pub mod regions;
pub mod tables;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

use memory::Outcome;
use serde::Serialize;
use x86_64::VirtAddr;

use crate::account::words;
use crate::machine::Machine;

/// Bytes of program memory that a moment shows.
pub const WINDOW: u64 = 256;

/// A moment.
#[derive(Clone, Debug, Serialize)]
pub struct State {
    /// The address spaces.
    pub spaces: Vec<Space>,
    /// The regions of the current one.
    pub regions: Vec<regions::Region>,
    /// Its page tables.
    pub tables: Vec<tables::Table>,
    /// What the processor remembers: what is stale, and then what is near to the last access.
    pub cache: Vec<cache::Cached>,
    /// How much it remembers in all.
    pub cached: usize,
    /// What each frame is.
    pub frames: Vec<(frames::Use, u32)>,
    /// The numbers.
    pub counts: Counts,
    /// Where the window begins.
    pub window: u64,
    /// Its bytes in hexadecimal, `..` where nothing is mapped.
    pub bytes: String,
    /// Where the hand of the current space stands, if pages have gone from it.
    pub hand: Option<u64>,
}

/// An address space.
#[derive(Clone, Debug, Serialize)]
pub struct Space {
    /// Its number.
    pub number: usize,
    /// Whether it is loaded.
    pub current: bool,
    /// The frame of its root.
    pub root: u64,
}

/// The numbers of a moment.
#[derive(Clone, Debug, Serialize)]
pub struct Counts {
    /// Faults since the start.
    pub faults: u64,
    /// The same by outcome: those that there were.
    pub outcomes: Vec<(&'static str, u64)>,
    /// Frames in all.
    pub total: u64,
    /// Free ones.
    pub free: u64,
    /// Frames of page tables.
    pub tables: u64,
    /// Frames of region records.
    pub kernel: u64,
    /// Frames of one owner.
    pub private: u64,
    /// Frames that may have several.
    pub shared: u64,
    /// Translations that the cache served.
    pub hits: u64,
    /// Accesses for which the tables were walked.
    pub walks: u64,
    /// Flushes that the processor was told.
    pub flushes: u64,
    /// Whether it is told of them.
    pub obeys: bool,
    /// Slots that there are.
    pub slots: u64,
    /// Slots in use.
    pub slots_used: u64,
    /// Pages that were written to slots.
    pub written: u64,
    /// Pages that were read from them.
    pub read: u64,
}

impl State {
    /// The machine as it is now.
    #[must_use]
    pub fn of(machine: &Machine) -> Self {
        let space = machine.space();
        let root = space.root().start_address().as_u64();
        let zero = machine.memory().zero_frame().start_address().as_u64();
        let near = machine.bench(|bench| bench.near);
        let hand = machine.swap.hand(machine.current());
        Self {
            spaces: spaces(machine),
            regions: regions::of(space),
            tables: tables::of(machine.bytes(), root, zero, near),
            cache: machine.core(|core| cache::of(core, near)),
            cached: machine.core(|core| core.leaves.len() + core.uppers.len()),
            frames: frames::of(machine),
            counts: counts(machine),
            window: machine.window,
            bytes: bytes(machine),
            hand: (hand.laps() > 0 || hand.address() > 0).then(|| hand.address()),
        }
    }
}

fn spaces(machine: &Machine) -> Vec<Space> {
    let space = |(number, space): (usize, &memory::Space)| Space {
        number,
        current: number == machine.current(),
        root: space.root().start_address().as_u64(),
    };
    machine.spaces().map(space).collect()
}

fn counts(machine: &Machine) -> Counts {
    let memory = machine.memory();
    let (faults, by_outcome) = memory.fault_log(|log| (log.faults(), log.counts()));
    let each = Outcome::ALL.into_iter().zip(by_outcome);
    let outcomes = each.filter(|(_, count)| *count > 0);
    let (frames, slots) = (memory.counts(), memory.slots());
    Counts {
        faults,
        outcomes: outcomes
            .map(|(outcome, count)| (words::outcome(outcome), count))
            .collect(),
        total: frames.total,
        free: frames.free,
        tables: frames.tables,
        kernel: frames.kernel,
        private: frames.private,
        shared: frames.shared,
        hits: machine.hits,
        walks: machine.walks,
        flushes: machine.flushes(),
        obeys: machine.obeys(),
        slots: slots.total,
        slots_used: slots.used,
        written: slots.written,
        read: slots.read,
    }
}

/// The bytes of the window: looked at from outside, as a debugger does.
fn bytes(machine: &Machine) -> String {
    let mut text = String::with_capacity(2 * WINDOW as usize);
    for address in machine.window..machine.window + WINDOW {
        let physical = machine.space().translate(VirtAddr::new(address));
        match physical {
            // A string takes every text.
            Some(physical) => {
                let _ = write!(text, "{:02x}", machine.bytes().read(physical.as_u64()));
            }
            None => text.push_str(".."),
        }
    }
    text
}
