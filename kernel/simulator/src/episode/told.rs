//! The words for each step.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use memory::paging::EntryKind;
use memory::words::Count;
use memory::{Access, Outcome, Refusal};
use x86_64::structures::paging::PageTableFlags as Flags;

use super::Told;
use crate::machine::Machine;
use crate::processors::{Flushed, stale_at};
use crate::state::State;
use crate::whereabouts::Named;

impl Told {
    /// The lookup in the cache, and the walk if there was nothing.
    pub(super) fn tell_way(&mut self, machine: &Machine, access: Access) {
        let address = self.at.as_u64();
        let page = address & !0xfff;
        if let Some(leaf) = machine.hit(address, access) {
            let stale = machine.core(|core| stale_at(core, &leaf));
            let stale = match stale {
                Some(_) => {
                    " The tables say something else by now: it is stale, and the processor cannot know."
                }
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
    pub(super) fn decision(&self, machine: &Machine, outcome: Outcome) -> String {
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
                format!(
                    "The address lies in {region}. Its page is in {slot}: whoever touches it waits."
                )
            }
            Outcome::Refused(Refusal::OutOfFrames) => {
                format!("The address lies in {region}, but there are too few frames.")
            }
            Outcome::Refused(refusal) => format!("Refused: {refusal}."),
            other => format!("The address lies in {region}: {other}."),
        }
    }

    /// The frames that were taken; the tables still show what they did.
    pub(super) fn tell_frame(&mut self, machine: &mut Machine, outcome: Outcome, after: &State) {
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
            text.push_str(&format!(
                " {tables} for page tables that were missing on the way."
            ));
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
    pub(super) fn tell_entry(&mut self, machine: &mut Machine, after: State) {
        let now = machine.half_of(self.at).walk(self.at).end();
        let mut lines: Vec<_> = self.entry.iter().map(|step| format!("{step}")).collect();
        lines.push(format!("{now}"));
        let flushed = machine.bench(|bench| bench.processors.flushed[self.flushes..].to_vec());
        let seen = machine.bench(|bench| bench.before_flush.take());
        if let Some(cache) = seen {
            let moment = State {
                cache,
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
            Some(_) if !obeys => {
                String::from("The processor is told to forget the page, and does not.")
            }
            Some(Flushed::Pages(_, pages)) => match pages[..] {
                [page] => format!(
                    "Processors are told to forget page {:#x}. The one that faulted has done so already; another may remember the old entry.",
                    page & !0xfff
                ),
                _ => format!(
                    "Processors are told to forget {}.",
                    Count(pages.len() as u64, "page")
                ),
            },
            Some(Flushed::Everything(_)) => {
                String::from("Processors are told to forget all pages of the space.")
            }
        };
        self.go_on(machine, after);
        self.step("flush", text, Vec::new());
    }
}
