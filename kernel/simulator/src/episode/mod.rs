//! An access, step by step: lookup, walk, fault, decision, frame, entry, flush, and again.
//!
//! ```text
//!   begin ──> faulted ──> resolved ──> (brought back, relieved) ──> end
//!     │          │           │                                       │
//!   lookup,    fault      decision, frame, entry, flush            again
//!   walk
//! ```
//!
//! What must always hold: each step is told from what is there before and after it: tables,
//! cache, counters, the fault log. A step points to the moment that it leaves behind.

mod told;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use memory::paging::Step as WalkStep;
use memory::space::Content;
use memory::words::Count;
use memory::{Access, Fault, Outcome};
use serde::Serialize;
use x86_64::VirtAddr;

use crate::machine::{Machine, Refused};
use crate::state::State;
use crate::whereabouts::Whereabouts;

/// Accesses of one command that are told of at most.
pub const MOST: usize = 12;

/// An access.
#[derive(Clone, Debug, Serialize)]
pub struct Episode {
    /// Where.
    pub address: u64,
    /// `read`, `write` or `fetch`.
    pub access: String,
    /// How it ended: `hit`, `walk`, `fault` or `refused`.
    pub ended: &'static str,
    /// Its steps, in order.
    pub steps: Vec<Step>,
}

/// A step of an access.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// Which: `lookup`, `walk`, `fault`, `decision`, `frame`, `entry`, `flush`, `disk`,
    /// `reclaim`, `again` or `refused`.
    pub kind: &'static str,
    /// What happens.
    pub text: String,
    /// What of the tables it is about, as `walk` prints them.
    pub lines: Vec<String>,
    /// The moment that it leaves behind: an index.
    pub moment: usize,
}

/// What is told of the accesses of a command.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recording {
    /// The accesses that missed the cache, or the first if none did.
    pub(crate) episodes: Vec<Episode>,
    /// The moments that their steps point to.
    pub(crate) moments: Vec<State>,
    is_on: bool,
}

impl Recording {
    /// Forgets all, and tells of what comes.
    pub(crate) fn begin(&mut self) {
        *self = Self {
            is_on: true,
            ..Self::default()
        };
    }

    /// Tells of nothing more. Returns what was told.
    pub(crate) fn end(&mut self) -> Self {
        core::mem::take(self)
    }

    fn keep(&mut self, moment: State) -> usize {
        self.moments.push(moment);
        self.moments.len() - 1
    }
}

/// What is told of one access, unless nobody listens.
pub(crate) struct Telling(Option<Told>);

struct Told {
    at: VirtAddr,
    episode: Episode,
    before: State,
    /// The moment that `before` is.
    moment: usize,
    /// Where the walk ended before the fault was resolved.
    entry: Option<WalkStep>,
    owners: u32,
    flushes: usize,
}

impl Told {
    fn step(&mut self, kind: &'static str, text: String, lines: Vec<String>) {
        self.episode.steps.push(Step {
            kind,
            text,
            lines,
            moment: self.moment,
        });
    }

    /// Goes on from another moment.
    fn go_on(&mut self, machine: &mut Machine, moment: State) {
        self.moment = machine.recording.keep(moment.clone());
        self.before = moment;
    }
}

impl Telling {
    /// An access begins.
    pub(crate) fn begin(machine: &mut Machine, at: VirtAddr, access: Access) -> Self {
        let hit = machine.hit(at.as_u64(), access);
        let is_hit = hit.is_some_and(|leaf| leaf.permissions.allow(access, false));
        let Recording {
            episodes, is_on, ..
        } = &machine.recording;
        if !is_on || episodes.len() == MOST || is_hit && !episodes.is_empty() {
            return Self(None);
        }
        let before = State::of(machine);
        let moment = machine.recording.keep(before.clone());
        let mut told = Told {
            at,
            episode: Episode {
                address: at.as_u64(),
                access: access.to_string(),
                ended: if is_hit { "hit" } else { "walk" },
                steps: Vec::new(),
            },
            before,
            moment,
            entry: None,
            owners: 0,
            flushes: 0,
        };
        told.tell_way(machine, access);
        Self(Some(told))
    }

    /// The processor raised a fault.
    pub(crate) fn faulted(&mut self, machine: &Machine, fault: &Fault) {
        let Some(told) = &mut self.0 else { return };
        if told.episode.ended == "fault" {
            // Tried again, and not for the first time.
            told.tell_way(machine, fault.access());
        }
        told.episode.ended = "fault";
        let text = format!(
            "Page fault: CR2={:#x}, error code {:#x}: {fault}.",
            fault.address,
            fault.code.bits()
        );
        told.step("fault", text, Vec::new());
        let half = machine.half_of(told.at);
        told.entry = Some(half.walk(told.at).end());
        let leaf = half
            .leaves(told.at, told.at.as_u64().saturating_add(1))
            .next();
        told.owners = match leaf.map(|leaf| leaf.content) {
            Some(Content::Shared(start)) => machine.memory().owners(start),
            _ => 1,
        };
        told.flushes = machine.bench(|bench| bench.processors.flushed.len());
    }

    /// The memory manager answered it.
    pub(crate) fn resolved(&mut self, machine: &mut Machine, outcome: Outcome) {
        let Some(told) = &mut self.0 else { return };
        let decision = told.decision(machine, outcome);
        told.step("decision", decision, Vec::new());
        match outcome {
            Outcome::Refused(_) | Outcome::Blocked | Outcome::Spurious => {}
            _ => {
                let after = State::of(machine);
                told.tell_frame(machine, outcome, &after);
                told.tell_entry(machine, after);
            }
        }
    }

    /// The page came back from its slot.
    pub(crate) fn brought_back(&mut self, machine: &mut Machine) {
        let Some(told) = &mut self.0 else { return };
        let after = State::of(machine);
        let physical = machine.half_of(told.at).translate(told.at);
        let frame = physical.map_or(0, |physical| physical.as_u64() & !0xfff);
        let text = format!(
            "The page is read from its slot into frame {frame:#x}. Meanwhile others could run."
        );
        let moment = State {
            frames: after.frames.clone(),
            counts: after.counts.clone(),
            ..told.before.clone()
        };
        told.go_on(machine, moment);
        told.step("disk", text, Vec::new());
        told.tell_entry(machine, after);
    }

    /// Frames were made free for it.
    pub(crate) fn relieved(&mut self, machine: &mut Machine) {
        let Some(told) = &mut self.0 else { return };
        let written = told.before.counts.written;
        let after = State::of(machine);
        let gone = after.counts.written - written;
        let text = format!(
            "No frame is free. {} went to the disk, and the access is tried again.",
            Count(gone, "page")
        );
        told.go_on(machine, after);
        told.step("reclaim", text, Vec::new());
    }

    /// The access was made, or is refused.
    pub(crate) fn end(self, machine: &mut Machine, result: Result<u64, Refused>) {
        let Self(Some(mut told)) = self else { return };
        let after = State::of(machine);
        told.go_on(machine, after);
        let was_fault = told.episode.ended == "fault";
        match result {
            Ok(physical) => {
                let text = match (was_fault, told.episode.ended) {
                    (true, _) => format!(
                        "The instruction runs again. Now the walk ends in a leaf, which the cache remembers. Physical address {physical:#x}."
                    ),
                    (false, "hit") => format!("No table is read. Physical address {physical:#x}."),
                    (false, _) => format!(
                        "The walk ends in a leaf that allows it: no fault. The cache remembers the leaf. Physical address {physical:#x}."
                    ),
                };
                let kind = if was_fault { "again" } else { "done" };
                told.step(kind, text, Vec::new());
            }
            Err(refused) => {
                told.episode.ended = "refused";
                let place = Whereabouts::of(machine.half_of(told.at), told.at);
                let text = match refused {
                    Refused::PageFault(..) | Refused::OutOfFrames(..) => {
                        format!(
                            "Nothing has changed. A program would end here. The address is {place}."
                        )
                    }
                    Refused::NotCanonical => String::from("The address is none."),
                    Refused::Astray(physical, what) => format!(
                        "The stale translation leads to {physical:#x}, which is {} memory by now. A real processor would go on; this machine stops it.",
                        what.name()
                    ),
                };
                told.step("refused", text, Vec::new());
            }
        }
        machine.recording.episodes.push(told.episode);
    }
}
