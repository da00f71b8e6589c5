//! What each frame of physical memory is.

use alloc::vec;
use alloc::vec::Vec;

use memory::frames::State;
use memory::space::Content;
use serde::Serialize;

use crate::machine::Machine;
use crate::simulated_memory::SIZE;

const FRAME: u64 = 4096;

/// What a frame is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Use {
    /// The memory manager does not have it: the first MiB.
    Unmanaged,
    /// It can be handed out.
    Free,
    /// The bitmap of frames, and the fault log.
    Reserved,
    /// A page table, or a table in which owners are counted.
    Table,
    /// The records of regions.
    Records,
    /// The frame of zeroes.
    Zero,
    /// A page of one owner.
    Private,
    /// A page that may have several.
    Shared,
}

impl Use {
    /// Its name, for a sentence.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unmanaged => "unmanaged",
            Self::Free => "free",
            Self::Reserved => "reserved",
            Self::Table => "page-table",
            Self::Records => "region-record",
            Self::Zero => "zero-frame",
            Self::Private => "private",
            Self::Shared => "shared",
        }
    }
}

/// The uses of all frames, in order, as runs: a use, and how many frames have it.
pub(crate) fn of(machine: &Machine) -> Vec<(Use, u32)> {
    let mut runs = Vec::<(Use, u32)>::new();
    for what in each(machine) {
        match runs.last_mut() {
            Some((last, count)) if *last == what => *count += 1,
            _ => runs.push((what, 1)),
        }
    }
    runs
}

/// The use of the frame at this physical address.
pub(crate) fn at(machine: &Machine, physical: u64) -> Use {
    each(machine)[(physical / FRAME) as usize]
}

fn each(machine: &Machine) -> Vec<Use> {
    let mut uses = vec![Use::Unmanaged; (SIZE / FRAME) as usize];
    let mut set = |start: u64, count: u64, what: Use| {
        let first = (start / FRAME) as usize;
        uses[first..first + count as usize].fill(what);
    };
    machine.memory().frames(|frames| {
        for (range, state) in frames.states() {
            let what = match state {
                State::Free => Use::Free,
                // What nothing below names is the kernel's.
                State::Used => Use::Records,
                State::Reserved => Use::Reserved,
            };
            set(range.start().as_u64(), range.frames(), what);
        }
    });
    for half in machine.halves() {
        half.tables(|table| set(table.start_address().as_u64(), 1, Use::Table));
        let (start, end) = half.window();
        for leaf in half.leaves(start, end) {
            let (start, what) = match leaf.content {
                Content::Private(start) => (start, Use::Private),
                Content::Shared(start) | Content::Object(start) => (start, Use::Shared),
                Content::Zero(_) | Content::Borrowed(_) | Content::Fixed(_) => continue,
            };
            set(start.as_u64(), leaf.size.bytes() / FRAME, what);
        }
    }
    let memory = machine.memory();
    memory.counter_tables(|table| set(table.start_address().as_u64(), 1, Use::Table));
    set(memory.zero_frame().start_address().as_u64(), 1, Use::Zero);
    uses
}
