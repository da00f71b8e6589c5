//! A region as a bar of parts, each of which shows what is mapped there.

use memory::space::{Backing, Half, Region, Resident};
use x86_64::VirtAddr;

/// Parts of a bar at most; a region of fewer pages has one for each page.
pub const MOST_PARTS: usize = 32;

const PAGE: u64 = 4096;

/// What most pages of a part are that are mapped or in slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartState {
    /// No page is mapped.
    Nothing,
    /// Pages with frames of their own.
    Private,
    /// Pages whose frames other spaces own as well.
    Shared,
    /// Pages that share the zero frame.
    Zero,
    /// A device's memory.
    Borrowed,
    /// Pages that are in slots of the disk.
    Swapped,
    /// Mapped once and for ever, and accounted for elsewhere.
    Fixed,
    /// Refuses every access.
    Guard,
}

/// A part of a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// What is mapped, or in slots; of equally many pages private ones come first,
    /// then shared ones, then the zero frame, and those in slots last.
    pub state: PartState,
    /// True if all its pages are.
    pub is_whole: bool,
}

/// What of a region is mapped, from its base to its end.
#[derive(Debug, Clone, Copy)]
pub struct Bar {
    parts: [Part; MOST_PARTS],
    count: usize,
}

impl Bar {
    /// Looks at a region of a half.
    pub fn of(region: &Region, half: &Half) -> Self {
        let pages = region.size / PAGE;
        let count = pages.min(MOST_PARTS as u64);
        let known = match region.backing {
            Backing::Guard => Some(PartState::Guard),
            Backing::Fixed => Some(PartState::Fixed),
            Backing::Device(..) => Some(PartState::Borrowed),
            Backing::Immediate | Backing::Demand | Backing::Zero | Backing::Object { .. } => None,
        };
        let mut bar = Self {
            parts: [Part {
                state: known.unwrap_or(PartState::Nothing),
                is_whole: true,
            }; MOST_PARTS],
            count: count as usize,
        };
        if known.is_some() {
            return bar;
        }
        // Numbers: the end of the last part may be no address.
        let page = |index: u64| region.base.as_u64() + pages * index / count * PAGE;
        for (index, part) in (0..count).zip(&mut bar.parts) {
            let (start, end) = (page(index), page(index + 1));
            let found = half.resident_between(VirtAddr::new(start), end);
            *part = Part::of(found, (end - start) / PAGE);
        }
        bar
    }

    /// The parts, by address.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.parts[..self.count]
    }
}

impl Part {
    fn of(found: Resident, pages: u64) -> Self {
        let Resident {
            private,
            shared,
            zero,
            borrowed,
            swapped,
        } = found;
        let by_state = [
            (PartState::Swapped, swapped),
            (PartState::Borrowed, borrowed),
            (PartState::Zero, zero),
            (PartState::Shared, shared),
            (PartState::Private, private),
        ];
        // Of equal ones `max_by_key` takes the last.
        let most = by_state.into_iter().max_by_key(|(_, count)| *count);
        let state = most.filter(|(_, count)| *count > 0);
        Self {
            state: state.map_or(PartState::Nothing, |(state, _)| state),
            is_whole: private + shared + zero + borrowed + swapped >= pages,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spaces;
    use memory::space::{Placement, Request};

    #[test_case]
    fn a_bar_shows_which_part_of_a_region_was_touched() {
        let base = VirtAddr::new(0x4000_0000);
        let request = Request::new(64 * PAGE, Backing::Demand).placement(Placement::At(base));
        let region = spaces::current(|space, memory| space.allocate(request, memory))
            .expect("the low half is empty");
        // SAFETY: the region is this test's own, and holds no Rust value.
        unsafe {
            crate::cpu::access::write_byte(base + 2 * PAGE, 1);
            crate::cpu::access::write_byte(base + 3 * PAGE, 1);
            crate::cpu::access::write_byte(base + 5 * PAGE, 1);
        }
        let bar = spaces::current(|space, memory| {
            let bar = Bar::of(&region, space);
            space.free(base, memory).expect("it is there");
            bar
        });
        let part = |state, is_whole| Part { state, is_whole };
        assert_eq!(
            bar.parts()[..4],
            [
                part(PartState::Nothing, false),
                part(PartState::Private, true),
                part(PartState::Private, false),
                part(PartState::Nothing, false)
            ]
        );
        assert_eq!(bar.parts().len(), 32);
    }

    #[test_case]
    fn a_guard_is_not_looked_into() {
        let bar = spaces::kernel_half(|half, _| {
            let mut regions = half.regions();
            let guard = regions.find(|region| region.backing == Backing::Guard);
            Bar::of(&guard.expect("the stack has one"), half)
        });
        assert!(
            bar.parts()
                .iter()
                .all(|part| part.state == PartState::Guard)
        );
    }
}
