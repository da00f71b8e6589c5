//! The pane of regions: one line each, with a bar of what is mapped.
//!
//! Regions of the loaded space come first, then those of the kernel that hold
//! memory, then guards, and fixed ones last. When there is no room for all, the
//! last line says how many are left out. If there are slots, the title has a map of
//! them.

use core::fmt::{self, Write as _};

use arrayvec::ArrayString;
use embedded_graphics::geometry::Size as Area;
use embedded_graphics::prelude::Point;
use embedded_graphics::primitives::Rectangle;
use memory::slot::SlotCounts;
use memory::space::{Backing, Half, Region};

use super::caption::Caption;
use super::colors;
use super::layout::{LINE, TITLE};
use crate::account::unit::{Address, Size};
use crate::console::{CHARACTER_WIDTH, Canvas, INK, PAPER};
use crate::picture::Bar;
use crate::picture::bar::{MOST_PARTS, Part, PartState};
use crate::spaces;

/// Lines at most.
const MOST_LINES: usize = 40;
/// Height of a bar.
const HEIGHT: u32 = 10;
/// Characters left of the bar in a wide pane, and in a narrow one.
const WIDE: u32 = 56;
const NARROW: u32 = 36;

/// The pane, what it is to show, and what is on it.
pub(super) struct Regions {
    found: [Option<(Region, Bar)>; MOST_LINES],
    count: usize,
    /// All regions there are.
    all: u64,
    slots: SlotCounts,
    /// How many of each part of the slots are in use.
    slots_used: [u64; MOST_PARTS],
    shown_all: Option<(u64, u64)>,
    shown_slots: ShownBar,
    title: Caption,
    captions: [Caption; MOST_LINES],
    shown: [Shown; MOST_LINES],
}

/// What a line says, left of its bar.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Says {
    Nothing,
    Region(Region),
    /// How many regions are left out.
    LeftOut(u64),
}

/// A line on the screen.
#[derive(Clone, Copy)]
struct Shown {
    says: Says,
    bar: ShownBar,
}

/// The parts of a bar on the screen.
#[derive(Clone, Copy)]
struct ShownBar {
    parts: [Part; MOST_PARTS],
    count: usize,
}

impl Shown {
    const NOTHING: Self = Self {
        says: Says::Nothing,
        bar: ShownBar {
            parts: [Part {
                state: PartState::Nothing,
                is_whole: false,
            }; MOST_PARTS],
            count: 0,
        },
    };
}

impl Regions {
    pub(super) const fn new() -> Self {
        Self {
            found: [None; MOST_LINES],
            count: 0,
            all: 0,
            slots: SlotCounts::NONE,
            slots_used: [0; MOST_PARTS],
            shown_all: None,
            shown_slots: Shown::NOTHING.bar,
            title: Caption::EMPTY,
            captions: [const { Caption::EMPTY }; MOST_LINES],
            shown: [Shown::NOTHING; MOST_LINES],
        }
    }

    /// Looks at as many regions as the pane has room for.
    pub(super) fn gather(&mut self, area: Rectangle) {
        let lines = lines(area);
        self.gather_slots();
        (self.count, self.all) = (0, 0);
        spaces::current(|space, _| {
            self.all += space.region_count();
            self.take(space, lines, |_| true);
        });
        spaces::kernel_half(|space, _| {
            self.all += space.region_count();
            for rank in 0..3 {
                self.take(space, lines, |region| rank_of(region) == rank);
            }
        });
    }

    fn gather_slots(&mut self) {
        let memory = spaces::memory();
        self.slots = memory.slots();
        self.slots_used = [0; MOST_PARTS];
        let (used, total) = (&mut self.slots_used, self.slots.total);
        if self.slots.used > 0 {
            memory.used_slots(|slot, _| {
                let part = slot.number() * MOST_PARTS as u64 / total;
                used[part as usize] += 1;
            });
        }
    }

    fn take(&mut self, half: &Half, lines: usize, is_wanted: impl Fn(&Region) -> bool) {
        let wanted = half.regions().filter(|region| is_wanted(region));
        for region in wanted.take(lines - self.count) {
            let bar = Bar::of(&region, half);
            self.found[self.count] = Some((region, bar));
            self.count += 1;
        }
    }

    /// Draws what has changed.
    pub(super) fn draw(&mut self, canvas: &mut Canvas<'_>, area: Rectangle) {
        self.draw_title(canvas, area);
        let lines = lines(area);
        // Where not all have room, the last line is needed to say so.
        let whole = if self.all > lines as u64 {
            lines - 1
        } else {
            self.count
        };
        for index in 0..lines {
            let y = TITLE + index as u32 * LINE;
            let found = self.found[index].filter(|_| index < whole);
            let left_out = self.all - whole as u64;
            let says = match found {
                // A line does not say how many faults there were.
                Some((mut region, _)) => {
                    region.faults = 0;
                    Says::Region(region)
                }
                None if index == whole && left_out > 0 => Says::LeftOut(left_out),
                None => Says::Nothing,
            };
            let parts = found.as_ref().map_or(&[][..], |(_, bar)| bar.parts());
            let shown = &mut self.shown[index];
            draw_bar(canvas, bar_area(area, y), &mut shown.bar, parts);
            if shown.says != says {
                shown.says = says;
                let at = area.top_left + Point::new(0, y as i32);
                let columns = text_columns(area);
                draw_text(canvas, &mut self.captions[index], at, columns, says);
            }
        }
    }

    /// Draws how many there are, and which slots are in use.
    fn draw_title(&mut self, canvas: &mut Canvas<'_>, area: Rectangle) {
        let SlotCounts { total, used, .. } = self.slots;
        let bar = if total > 0 { area.size.width / 4 } else { 0 };
        if total > 0 {
            let part = |used| Part {
                state: if used > 0 {
                    PartState::Swapped
                } else {
                    PartState::Nothing
                },
                is_whole: used >= total / MOST_PARTS as u64,
            };
            let left = (area.size.width - bar) as i32;
            let at = area.top_left + Point::new(left, 2);
            let place = Rectangle::new(at, Area::new(bar, HEIGHT));
            draw_bar(
                canvas,
                place,
                &mut self.shown_slots,
                &self.slots_used.map(part),
            );
        }
        if self.shown_all.replace((self.all, used)) == Some((self.all, used)) {
            return;
        }
        let slots = OrNothing((total > 0).then_some((used, total)));
        self.title.show(
            canvas,
            area.top_left + Point::new(8 * CHARACTER_WIDTH as i32, 0),
            (area.size.width - bar) / CHARACTER_WIDTH - 9,
            colors::DIM,
            format_args!("{} in all{slots}", self.all),
        );
    }
}

fn draw_text(canvas: &mut Canvas<'_>, caption: &mut Caption, at: Point, columns: u32, says: Says) {
    match says {
        Says::Region(region) => {
            let line = RegionLine {
                region: &region,
                is_wide: columns == WIDE,
            };
            caption.show(canvas, at, columns, INK, format_args!("{line}"));
        }
        Says::LeftOut(count) => {
            let text = format_args!("and {count} more");
            caption.show(canvas, at, columns, colors::DIM, text);
        }
        Says::Nothing => caption.show(canvas, at, columns, INK, format_args!("")),
    }
}

/// Slots in use, and all of them, if there are any.
struct OrNothing(Option<(u64, u64)>);

impl fmt::Display for OrNothing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some((used, total)) => write!(f, "; slots: {used} of {total}"),
            None => Ok(()),
        }
    }
}

/// When a region of the kernel half has its turn.
fn rank_of(region: &Region) -> u8 {
    match region.backing {
        Backing::Fixed => 2,
        Backing::Guard => 1,
        Backing::Immediate
        | Backing::Demand
        | Backing::Zero
        | Backing::Device(..)
        | Backing::Object { .. } => 0,
    }
}

/// Lines that the pane has room for.
fn lines(area: Rectangle) -> usize {
    (((area.size.height - TITLE) / LINE) as usize).min(MOST_LINES)
}

/// Characters left of the bars.
fn text_columns(area: Rectangle) -> u32 {
    if area.size.width >= (WIDE + 16) * CHARACTER_WIDTH {
        WIDE
    } else {
        NARROW
    }
}

fn bar_area(area: Rectangle, y: u32) -> Rectangle {
    let left = text_columns(area) * CHARACTER_WIDTH + 4;
    Rectangle::new(
        area.top_left + Point::new(left as i32, y as i32 + 2),
        Area::new(area.size.width - left, HEIGHT),
    )
}

/// Draws the parts that have changed, neighbours that are alike at once. One
/// that is mapped in part is half as high.
fn draw_bar(canvas: &mut Canvas<'_>, area: Rectangle, shown: &mut ShownBar, parts: &[Part]) {
    let is_new = shown.count != parts.len();
    if is_new {
        canvas.fill(area, PAPER);
        shown.count = parts.len();
    }
    let edge = |index: usize| area.size.width * index as u32 / parts.len() as u32;
    let mut start = 0;
    while let Some(&part) = parts.get(start) {
        let is_changed = |index: usize| is_new || parts[index] != shown.parts[index];
        let alike = |&index: &usize| parts[index] == part && is_changed(index);
        let end = start + (start..parts.len()).take_while(alike).count();
        if end == start {
            start += 1;
            continue;
        }
        shown.parts[start..end].fill(part);
        let at = area.top_left + Point::new(edge(start) as i32, 0);
        draw_part(canvas, at, edge(end) - edge(start), part);
        start = end;
    }
}

fn draw_part(canvas: &mut Canvas<'_>, at: Point, width: u32, part: Part) {
    let mapped = if part.is_whole { HEIGHT } else { HEIGHT / 2 };
    let unmapped = HEIGHT - mapped;
    let nothing = colors::of_part(PartState::Nothing);
    canvas.fill(Rectangle::new(at, Area::new(width, unmapped)), nothing);
    let at = at + Point::new(0, unmapped as i32);
    let color = colors::of_part(part.state);
    canvas.fill(Rectangle::new(at, Area::new(width, mapped)), color);
}

/// A region in a line: base, size, backing, and in a wide pane rights and name.
struct RegionLine<'a> {
    region: &'a Region,
    is_wide: bool,
}

impl fmt::Display for RegionLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let region = self.region;
        write!(
            f,
            "{:<18} {:>7} {:<9}",
            word(Address::from(region.base)),
            word(Size(region.size)),
            word(region.backing)
        )?;
        if self.is_wide {
            let rights = region.allowed().map_or(word("--"), word);
            write!(f, " {rights:<2} {}", region.label)?;
        }
        Ok(())
    }
}

/// A short text by itself, so that it can be padded.
fn word(text: impl fmt::Display) -> ArrayString<24> {
    let mut word = ArrayString::new();
    // What does not fit is cut off, which no size and no backing is.
    let _ = write!(word, "{text}");
    word
}
