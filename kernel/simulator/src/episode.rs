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

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use memory::paging::{EntryKind, Step as WalkStep};
use memory::space::Content;
use memory::words::Count;
use memory::{Access, Fault, Outcome, Refusal};
use serde::Serialize;
use x86_64::VirtAddr;
use x86_64::structures::paging::PageTableFlags as Flags;

use crate::machine::{Machine, Refused};
use crate::processors::{Flushed, stale_at};
use crate::state::State;
use crate::whereabouts::{Named, Whereabouts};

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
        let leaf = half.leaves(told.at, told.at.as_u64().saturating_add(1)).next();
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
        let text = format!("The page is read from its slot into frame {frame:#x}. Meanwhile others could run.");
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
                        format!("Nothing has changed. A program would end here. The address is {place}.")
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

impl Told {
    /// The lookup in the cache, and the walk if there was nothing.
    fn tell_way(&mut self, machine: &Machine, access: Access) {
        let address = self.at.as_u64();
        let page = address & !0xfff;
        if let Some(leaf) = machine.hit(address, access) {
            let stale = machine.core(|core| stale_at(core, &leaf));
            let stale = match stale {
                Some(_) => " The tables say something else by now: it is stale, and the processor cannot know.",
                None => "",
            };
            let allows = match leaf.permissions.allow(access, false) {
                true => "the access is allowed",
                false => "the access is not allowed",
            };
            let text = format!(
                "The cache has a translation for page {page:#x}: frame {:#x}, and {allows}.{stale}",
                leaf.physical
            );
            self.step("lookup", text, Vec::new());
            return;
        }
        let text = match access == Access::Write && machine.hit(address, Access::Read).is_some() {
            true => format!(
                "The cache has a translation for page {page:#x}, but this is the first write through it: DIRTY must be set in the entry."
            ),
            false => format!("The cache has no translation for page {page:#x}."),
        };
        self.step("lookup", text, Vec::new());
        let walk = machine.half_of(self.at).walk(self.at);
        let lines: Vec<_> = walk.steps().map(|step| step.to_string()).collect();
        let from = match machine.shortcut(address) {
            Some((level, _)) => format!(
                "The processor walks the tables, from level {} on: the way there is cached.",
                level - 1
            ),
            None => String::from("The processor walks the tables, from the root on."),
        };
        let end = walk.end();
        let ends = match end.entry.kind(end.level) {
            EntryKind::Leaf(..) if end.entry.is_present() => {
                match access == Access::Write && !end.entry.flags().contains(Flags::WRITABLE) {
                    true => "It ends in a leaf that is read-only.",
                    false => "It ends in a leaf that allows the access.",
                }
            }
            _ => "It ends in an entry that is not present.",
        };
        self.step("walk", format!("{from} {ends}"), lines);
    }

    /// Why the fault is answered as it is.
    fn decision(&self, machine: &Machine, outcome: Outcome) -> String {
        let region = machine.half_of(self.at).region_at(self.at);
        let region = region.map(|region| Named(region).to_string());
        let region = region.unwrap_or_default();
        match outcome {
            Outcome::Demand => format!(
                "The address lies in {region}, and the entry is unused. Demand backing: a new frame of zeroes."
            ),
            Outcome::ZeroRead => format!(
                "The address lies in {region}, and the entry is unused. A read under zero backing: the shared frame of zeroes, read-only."
            ),
            Outcome::ZeroWrite => format!(
                "The address lies in {region}, and the entry is unused. A write under zero backing: a new frame of zeroes."
            ),
            Outcome::PrivateCopy => format!(
                "The address lies in {region}, which allows writing. The leaf is read-only since it shows the frame of zeroes: the page gets a frame of its own."
            ),
            Outcome::SharedCopy => format!(
                "The address lies in {region}, which allows writing. The leaf is read-only since its frame has {}: the page gets a copy.",
                Count(u64::from(self.owners), "owner")
            ),
            Outcome::TakenOver => format!(
                "The address lies in {region}, which allows writing. The leaf is read-only since its frame was shared; by now it has one owner, who may write where it is."
            ),
            Outcome::Spurious => String::from(
                "The tables allow the access: what the processor remembered was older, and the fault made it forget that. Nothing is to be done.",
            ),
            Outcome::Blocked => {
                let slot = machine.half_of(self.at).wanted_slot(self.at);
                let slot = slot.map_or_else(|| String::from("elsewhere"), |slot| slot.to_string());
                format!("The address lies in {region}. Its page is in {slot}: whoever touches it waits.")
            }
            Outcome::Refused(Refusal::OutOfFrames) => {
                format!("The address lies in {region}, but there are too few frames.")
            }
            Outcome::Refused(refusal) => format!("Refused: {refusal}."),
            other => format!("The address lies in {region}: {other}."),
        }
    }

    /// The frames that were taken; the tables still show what they did.
    fn tell_frame(&mut self, machine: &mut Machine, outcome: Outcome, after: &State) {
        let (then, now) = (&self.before.counts, &after.counts);
        let pages = (now.private + now.shared).saturating_sub(then.private + then.shared);
        let tables = now.tables.saturating_sub(then.tables);
        let last = machine.memory().fault_log(|log| log.last());
        let frame = last.map_or(0, |event| event.frame.as_u64());
        let filled = match outcome {
            Outcome::SharedCopy => "and gets a copy of the page",
            _ => "and filled with zeroes",
        };
        let mut text = match (outcome, pages) {
            (Outcome::ZeroRead, _) => format!(
                "No frame is taken: the frame of zeroes, {frame:#x}, serves every page that was never written."
            ),
            (_, 0) => String::from("No frame is taken."),
            (_, 1) => format!("Frame {frame:#x} is taken {filled}."),
            (_, pages) => format!("{pages} frames are taken, here {frame:#x}, {filled}."),
        };
        if tables > 0 {
            let tables = Count(tables, "more frame");
            text.push_str(&format!(" {tables} for page tables that were missing on the way."));
        }
        let moment = State {
            frames: after.frames.clone(),
            counts: after.counts.clone(),
            ..self.before.clone()
        };
        let old = self.before.clone();
        self.go_on(machine, moment);
        self.step("frame", text, Vec::new());
        self.before = old;
    }

    /// The entry that was written, and what was flushed after it.
    fn tell_entry(&mut self, machine: &mut Machine, after: State) {
        let now = machine.half_of(self.at).walk(self.at).end();
        let mut lines: Vec<_> = self.entry.iter().map(|step| format!("{step}")).collect();
        lines.push(format!("{now}"));
        let flushed = machine.bench(|bench| bench.processors.flushed[self.flushes..].to_vec());
        let seen = machine.bench(|bench| bench.before_flush.take());
        if let Some(cache) = seen {
            let moment = State {
                cache: cache.into_vec(),
                ..after.clone()
            };
            self.go_on(machine, moment);
        } else {
            self.go_on(machine, after.clone());
        }
        let text = String::from("The entry is written, with the rights that the region gives.");
        self.step("entry", text, lines);
        let obeys = machine.obeys();
        let text = match flushed.last() {
            None => String::from(
                "No flush: the entry was not present, and what is not present is not cached.",
            ),
            Some(_) if !obeys => String::from("The processor is told to forget the page, and does not."),
            Some(Flushed::Pages(_, pages)) => match pages[..] {
                [page] => format!(
                    "Processors are told to forget page {:#x}. The one that faulted has done so already; another may remember the old entry.",
                    page & !0xfff
                ),
                _ => format!("Processors are told to forget {}.", Count(pages.len() as u64, "page")),
            },
            Some(Flushed::Everything(_)) => {
                String::from("Processors are told to forget all pages of the space.")
            }
        };
        self.go_on(machine, after);
        self.step("flush", text, Vec::new());
    }
}
