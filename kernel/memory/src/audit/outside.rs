//! Write or execute for memory that no allocator manages: there is no room for
//! notes on it, so what is executable is gathered in runs, a few dozen at a
//! time, and every writable leaf is held against them. A kernel whose image
//! lies outside of the managed memory has a handful of such runs.
#![allow(unsafe_code)]

use arrayvec::ArrayVec;
use x86_64::{PhysAddr, VirtAddr};

use super::broken::Broken;
use super::defect::{LeafDefect, Right};
use super::marks::stretches;
use super::scope;
use super::tables::{foreign_slots, own_slots};
use crate::frames::Frames;
use crate::memory::Memory;
use crate::paging::{LeafSeen, Visit, Visits};
use crate::space::Half;

/// Runs that are gathered at a time.
const MOST_RUNS: usize = 64;

/// Frames in a row, by number.
struct Run {
    first: u64,
    end: u64,
}

/// Sees to it that no memory outside of the allocator's is writable through one
/// leaf and executable through another.
pub(super) fn check<'s>(
    memory: &Memory,
    frames: &Frames,
    halves: impl Iterator<Item = &'s Half> + Clone,
    whole: bool,
) -> Result<(), Broken> {
    let mut done = 0;
    loop {
        let runs = executable(frames, leaves(memory, halves.clone(), whole), done);
        for (half, leaf) in leaves(memory, halves.clone(), whole) {
            if let Some(number) = written(frames, &leaf, &runs) {
                return Err(Broken::Leaf {
                    space: scope(half),
                    address: VirtAddr::new_truncate(leaf.address),
                    frame: PhysAddr::new_truncate(number << 12),
                    defect: LeafDefect::WritableAndExecutable,
                });
            }
        }
        if !runs.is_full() {
            return Ok(());
        }
        done += runs.len();
    }
}

/// All leaves of all halves.
fn leaves<'s>(
    memory: &Memory,
    halves: impl Iterator<Item = &'s Half> + Clone,
    whole: bool,
) -> impl Iterator<Item = (&'s Half, LeafSeen)> {
    let direct_map = memory.direct_map();
    halves.flat_map(move |half| {
        let foreign = foreign_slots(half).map(|slots| {
            if whole && half.is_kernel() {
                slots
            } else {
                0..0
            }
        });
        let visits = [own_slots(half)].into_iter().chain(foreign);
        visits
            // SAFETY: `tables` has visited the same tables before.
            .flat_map(move |slots| unsafe { Visits::new(direct_map, half.cursor().root(), slots) })
            .filter_map(move |visit| match visit {
                Visit::Leaf(leaf) => Some((half, leaf)),
                Visit::Enter(_)
                | Visit::Leave(..)
                | Visit::Reserved(_)
                | Visit::Swapped(..)
                | Visit::Unknown(..) => None,
            })
    })
}

/// The runs of executable memory, `done` of them left out.
fn executable<'s>(
    frames: &Frames,
    leaves: impl Iterator<Item = (&'s Half, LeafSeen)>,
    done: usize,
) -> ArrayVec<Run, MOST_RUNS> {
    let mut runs = ArrayVec::new();
    let (mut seen, mut last_end) = (0, None);
    for (_, leaf) in leaves.filter(|(_, leaf)| Right::Execute.is_in(leaf.flags)) {
        for Run { first, end } in outside(frames, &leaf) {
            if last_end == Some(first) {
                if let Some(run) = runs.last_mut().filter(|run: &&mut Run| run.end == first) {
                    run.end = end;
                }
            } else {
                seen += 1;
                if seen > done && runs.try_push(Run { first, end }).is_err() {
                    return runs;
                }
            }
            last_end = Some(end);
        }
    }
    runs
}

/// The first frame of a writable leaf that one of the runs holds.
fn written(frames: &Frames, leaf: &LeafSeen, runs: &[Run]) -> Option<u64> {
    if !Right::Write.is_in(leaf.flags) {
        return None;
    }
    outside(frames, leaf).find_map(|Run { first, end }| {
        let hit = runs.iter().find(|run| run.first < end && first < run.end)?;
        Some(hit.first.max(first))
    })
}

/// What a leaf maps of the memory that is not managed.
fn outside(frames: &Frames, leaf: &LeafSeen) -> impl Iterator<Item = Run> {
    stretches(frames, leaf.entry.leaf_address(leaf.size), leaf.size)
        .filter(|stretch| stretch.managed.is_none())
        .map(|stretch| Run {
            first: stretch.first,
            end: stretch.end,
        })
}
