//! A region as a bar of parts, each of which shows what is mapped there.

use memory::space::{Backing, Region, Resident};

/// Parts of a bar at most; a region of fewer pages has one for each page.
pub const MOST_PARTS: usize = 32;

const PAGE: u64 = 4096;

/// What most of the mapped pages of a part are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartState {
    /// No page is mapped.
    Nothing,
    /// Pages with frames of their own.
    Private,
    /// Pages that share the zero frame.
    Zero,
    /// A device's memory.
    Borrowed,
    /// Mapped once and for ever, and accounted for elsewhere.
    Fixed,
    /// Refuses every access.
    Guard,
}

/// A part of a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// What is mapped; of equally many pages private ones come first, and then
    /// the zero frame.
    pub state: PartState,
    /// True if all its pages are mapped.
    pub is_whole: bool,
}

/// What of a region is mapped, from its base to its end.
#[derive(Debug, Clone, Copy)]
pub struct Bar {
    parts: [Part; MOST_PARTS],
    count: usize,
}

impl Bar {
    /// Looks at a region; `look` says what of its parts is mapped, if that
    /// depends on more than its backing.
    pub fn of(region: &Region, look: impl FnOnce(&mut [Resident])) -> Self {
        let pages = region.size / PAGE;
        let count = pages.min(MOST_PARTS as u64);
        let known = match region.backing {
            Backing::Guard => Some(PartState::Guard),
            Backing::Fixed => Some(PartState::Fixed),
            Backing::Device(..) => Some(PartState::Borrowed),
            Backing::Immediate | Backing::Demand | Backing::Zero => None,
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
        let mut found = [Resident::default(); MOST_PARTS];
        let found = &mut found[..bar.count];
        look(found);
        for (index, (part, found)) in (0..).zip(bar.parts.iter_mut().zip(found)) {
            let pages = pages * (index + 1) / count - pages * index / count;
            *part = Part::of(*found, pages);
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
            zero,
            borrowed,
        } = found;
        let state = if private + zero + borrowed == 0 {
            PartState::Nothing
        } else if private >= zero && private >= borrowed {
            PartState::Private
        } else if zero >= borrowed {
            PartState::Zero
        } else {
            PartState::Borrowed
        };
        Self {
            state,
            is_whole: private + zero + borrowed >= pages,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spaces;
    use memory::space::{Placement, Request};
    use x86_64::VirtAddr;

    #[test_case]
    fn a_bar_shows_which_part_of_a_region_was_touched() {
        let base = VirtAddr::new(0x4000_0000);
        let request = Request::new(64 * PAGE, Backing::Demand).placement(Placement::At(base));
        let region = spaces::current(|space, physical, tlb| space.allocate(request, physical, tlb))
            .expect("the low half is empty");
        // SAFETY: the region is this test's own, and holds no Rust value.
        unsafe {
            crate::cpu::access::write_byte(base + 2 * PAGE, 1);
            crate::cpu::access::write_byte(base + 3 * PAGE, 1);
            crate::cpu::access::write_byte(base + 5 * PAGE, 1);
        }
        let bar = spaces::current(|space, physical, tlb| {
            let bar = Bar::of(&region, |parts| {
                space.resident_parts(&region, physical, parts);
            });
            space.free(base, physical, tlb).expect("it is there");
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
        let guard = spaces::kernel_half(|space, _, _| {
            space
                .regions()
                .find(|region| region.backing == Backing::Guard)
        });
        let bar = Bar::of(&guard.expect("the stack has one"), |_| {
            unreachable!("a guard maps nothing")
        });
        assert!(
            bar.parts()
                .iter()
                .all(|part| part.state == PartState::Guard)
        );
    }
}
