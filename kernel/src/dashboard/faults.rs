//! The pane of the counters of faults, by what became of them.

use core::fmt;

use embedded_graphics::prelude::*;
use embedded_graphics::primitives::Rectangle;
use memory::Outcome;
use memory::slot::SlotCounts;

use super::caption::Caption;
use super::colors;
use super::layout::{FAULT_LINES, LINE, TITLE};
use crate::account::words;
use crate::console::{CHARACTER_WIDTH, Canvas, INK};
use crate::{fault, spaces};

const OUTCOMES: usize = Outcome::ALL.len();

/// Columns of the pane.
const COLUMNS: u32 = 3;
/// Characters for the longest name and its count.
const WHOLE_NAMES: u32 = 25;

const _: () = assert!(OUTCOMES <= (COLUMNS * FAULT_LINES) as usize);

/// The pane, what it is to show, and what is on it.
pub(super) struct Faults {
    counts: [u64; OUTCOMES],
    shown: [Option<u64>; OUTCOMES],
    title: Caption,
    lines: [Caption; OUTCOMES],
}

/// Pages that went to slots and came back, if there are any slots.
struct Moved(SlotCounts);

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SlotCounts {
            total,
            written,
            read,
            ..
        } = self.0;
        match total {
            0 => Ok(()),
            _ => write!(f, "; pages out {written}, in {read}"),
        }
    }
}

impl Faults {
    pub(super) const fn new() -> Self {
        Self {
            counts: [0; OUTCOMES],
            shown: [None; OUTCOMES],
            title: Caption::EMPTY,
            lines: [const { Caption::EMPTY }; OUTCOMES],
        }
    }

    /// Reads the counters.
    pub(super) fn gather(&mut self) {
        self.counts =
            spaces::memory().fault_log(|log| Outcome::ALL.map(|outcome| log.count(outcome)));
    }

    /// Draws what has changed.
    pub(super) fn draw(&mut self, canvas: &mut Canvas<'_>, area: Rectangle) {
        if self.counts.map(Some) == self.shown {
            return;
        }
        let all: u64 = self.counts.iter().sum();
        let refused: u64 = Outcome::ALL
            .iter()
            .zip(self.counts)
            .filter(|(outcome, _)| matches!(outcome, Outcome::Refused(_)))
            .map(|(_, count)| count)
            .sum();
        let refused = refused.saturating_sub(fault::relieved());
        let width = area.size.width / COLUMNS;
        let columns = width / CHARACTER_WIDTH;
        let is_short = columns < WHOLE_NAMES;
        self.title.show(
            canvas,
            area.top_left + Point::new(12 * CHARACTER_WIDTH as i32, 0),
            area.size.width / CHARACTER_WIDTH - 12,
            colors::DIM,
            format_args!(
                "{all} in all, {refused} refused{}{}",
                Moved(spaces::memory().slots()),
                if is_short { ":" } else { "" }
            ),
        );
        for (index, outcome) in (0..).zip(Outcome::ALL) {
            let (x, y) = (index / FAULT_LINES * width, index % FAULT_LINES * LINE);
            let at = area.top_left + Point::new(x as i32, (TITLE + y) as i32);
            let count = self.counts[index as usize];
            if self.shown[index as usize].replace(count) == Some(count) {
                continue;
            }
            let caption = &mut self.lines[index as usize];
            let ink = match outcome {
                _ if count == 0 => colors::DIM,
                Outcome::Refused(_) => colors::REFUSED,
                _ => INK,
            };
            let name = words::outcome(outcome);
            // The refusals have columns of their own.
            let short = name.strip_prefix("refused_").filter(|_| is_short);
            // The count first: what does not fit is cut off.
            let text = format_args!("{count} {}", short.unwrap_or(name));
            caption.show(canvas, at, columns, ink, text);
        }
    }
}
