//! What an access becomes, by the rules in words: which refusal, which outcome,
//! which leaves. Nothing here looks at the crate's state but for how many 2 MiB
//! frames are free.

use faultline_memory::frames::Shortage;
use faultline_memory::paging::LeafSize;
use faultline_memory::space::{Backing, Rights};
use faultline_memory::{Access, Features, Outcome, Refusal};

use super::plain::{BIG, Behind, PAGE, PlainHalf, PlainLeaf, PlainRegion};

/// What can still be handed out.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// Frames of 4 KiB.
    pub frames: u64,
    /// Frames of 2 MiB.
    pub blocks: u64,
    /// Whether what is accessed is shared with nobody any more.
    pub is_last_owner: bool,
    /// The same of the page that is accessed, which may be part of a large leaf.
    pub is_last_of_page: bool,
}

impl Room {
    /// What is said of something that needs so many frames.
    pub fn shortage(self, needed: u64) -> Shortage {
        let available = self.frames;
        Shortage { needed, available }
    }

    /// True if a large page and so many tables can be had.
    fn has_large(self, tables: u64) -> bool {
        self.blocks > 0 && self.frames >= 512 + tables
    }
}

/// What an access comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effect {
    /// `None` if there is no fault, or only one for an outdated translation.
    pub outcome: Option<Outcome>,
    /// Large pages that smaller ones stood in for.
    pub fallbacks: u64,
}

impl Effect {
    const NONE: Self = Self {
        outcome: None,
        fallbacks: 0,
    };

    const fn of(outcome: Outcome) -> Self {
        Self {
            outcome: Some(outcome),
            fallbacks: 0,
        }
    }

    const fn refused(refusal: Refusal) -> Self {
        Self::of(Outcome::Refused(refusal))
    }
}

impl PlainHalf {
    /// Plays an access to an address of this half.
    pub fn access(
        &mut self,
        address: u64,
        access: Access,
        user: bool,
        room: Room,
        features: Features,
    ) -> Effect {
        // Without NX the processor tells a fetch as a read.
        let access = match access {
            Access::Execute if !features.no_execute => Access::Read,
            other => other,
        };
        let Some((base, region)) = self.region_at(address) else {
            return Effect::refused(if address < PAGE {
                Refusal::NullPage
            } else {
                Refusal::NoRegion
            });
        };
        if let Some(refusal) = refusal(&region, access, user) {
            return Effect::refused(refusal);
        }
        let behind = self.leaf_at(address).map(|(_, leaf)| leaf.behind);
        let before = self.taken();
        let effect = match (behind, region.backing) {
            (Some(Behind::Zero), _) if access == Access::Write => {
                self.replace_zero(base, &region, address, room)
            }
            (Some(Behind::Shared), _) if access == Access::Write => {
                let effect = self.write_shared(address, room);
                if !matches!(effect.outcome, Some(Outcome::Refused(_)))
                    && let Some(region) = self.regions.get_mut(&base)
                {
                    region.faults += 1;
                }
                return effect;
            }
            (Some(Behind::Swapped), _) => return Effect::of(Outcome::Blocked),
            (Some(Behind::Reserved), _) => self.take_reserved(address, access == Access::Write),
            (Some(_), _) => return Effect::NONE,
            (None, Backing::Demand) => {
                let write = access == Access::Write;
                self.map_private(base, &region, address, write, room, Outcome::Demand)
            }
            (None, Backing::Zero) if access == Access::Write => {
                self.write_absent_zero(base, &region, address, room)
            }
            (None, Backing::Zero) => self.map_zero(address, room),
            (None, _) => Effect::refused(Refusal::NotBacked),
        };
        if !matches!(effect.outcome, Some(Outcome::Refused(_))) {
            let left = room.frames + before - self.taken();
            self.map_around(base, &region, address, left);
            if let Some(region) = self.regions.get_mut(&base) {
                region.faults += 1;
            }
        }
        effect
    }

    fn map_private(
        &mut self,
        base: u64,
        region: &PlainRegion,
        address: u64,
        write: bool,
        room: Room,
        outcome: Outcome,
    ) -> Effect {
        let level = self.level_of_absent(address);
        let fits = |size: LeafSize| {
            size <= region.page_size
                && u64::from(size.level()) <= level
                && holds(base, region, address, size.bytes())
        };
        let large = fits(LeafSize::Size2MiB) && room.has_large(level.saturating_sub(2));
        let wanted_large = fits(LeafSize::Size2MiB) || fits(LeafSize::Size1GiB);
        let size = if large { BIG } else { PAGE };
        if !large && room.frames < 1 + (level - 1) {
            return Effect::refused(Refusal::OutOfFrames);
        }
        let leaf = PlainLeaf::new(size, Behind::Private, write);
        self.leaves.insert(address & !(size - 1), leaf);
        let fell_back = wanted_large && !large || fits(LeafSize::Size1GiB);
        Effect {
            outcome: Some(outcome),
            fallbacks: u64::from(fell_back),
        }
    }

    fn write_shared(&mut self, address: u64, room: Room) -> Effect {
        let (_, leaf) = self.leaf_at(address).expect("a shared leaf");
        if room.is_last_owner {
            (leaf.behind, leaf.dirty) = (Behind::Private, true);
            return Effect::of(Outcome::TakenOver);
        }
        let tables = u64::from(leaf.size > PAGE);
        if room.frames < 1 + tables {
            return Effect::refused(Refusal::OutOfFrames);
        }
        let page = address & !(PAGE - 1);
        self.split_at(page);
        self.split_at(page + PAGE);
        let (_, leaf) = self.leaf_at(address).expect("a small leaf");
        (leaf.behind, leaf.dirty) = (Behind::Private, true);
        if room.is_last_of_page {
            return Effect::of(Outcome::TakenOver);
        }
        leaf.physical = super::plain::UNKNOWN;
        leaf.slot = None;
        Effect::of(Outcome::SharedCopy)
    }

    fn take_reserved(&mut self, address: u64, write: bool) -> Effect {
        let leaf = PlainLeaf::new(PAGE, Behind::Private, write);
        self.leaves.insert(address & !(PAGE - 1), leaf);
        Effect::of(Outcome::Demand)
    }

    fn map_zero(&mut self, address: u64, room: Room) -> Effect {
        if room.frames < self.level_of_absent(address) - 1 {
            return Effect::refused(Refusal::OutOfFrames);
        }
        let leaf = PlainLeaf::new(PAGE, Behind::Zero, false);
        self.leaves.insert(address & !(PAGE - 1), leaf);
        Effect::of(Outcome::ZeroRead)
    }

    fn write_absent_zero(
        &mut self,
        base: u64,
        region: &PlainRegion,
        address: u64,
        room: Room,
    ) -> Effect {
        let upgradable = self.level_of_absent(address) == 1 && self.is_zero(base, region, address);
        if upgradable && room.has_large(0) {
            return self.upgrade(address, Outcome::ZeroWrite);
        }
        let mut effect = self.map_private(base, region, address, true, room, Outcome::ZeroWrite);
        if upgradable && effect.outcome == Some(Outcome::ZeroWrite) {
            effect.fallbacks += 1;
        }
        effect
    }

    fn replace_zero(
        &mut self,
        base: u64,
        region: &PlainRegion,
        address: u64,
        room: Room,
    ) -> Effect {
        let upgradable = self.is_zero(base, region, address);
        if upgradable && room.has_large(0) {
            return self.upgrade(address, Outcome::PrivateCopy);
        }
        if room.frames == 0 {
            return Effect::refused(Refusal::OutOfFrames);
        }
        let leaf = PlainLeaf::new(PAGE, Behind::Private, true);
        self.leaves.insert(address & !(PAGE - 1), leaf);
        Effect {
            outcome: Some(Outcome::PrivateCopy),
            fallbacks: u64::from(upgradable),
        }
    }

    /// True for a whole block of a large-page region with nothing but zero
    /// leaves in it.
    fn is_zero(&self, base: u64, region: &PlainRegion, address: u64) -> bool {
        let start = address & !(BIG - 1);
        let mut leaves = self.leaves.range(start..=start + (BIG - 1));
        region.page_size >= LeafSize::Size2MiB
            && holds(base, region, address, BIG)
            && leaves.all(|(_, leaf)| leaf.behind == Behind::Zero)
    }

    fn upgrade(&mut self, address: u64, outcome: Outcome) -> Effect {
        let start = address & !(BIG - 1);
        self.unmap(start, start + BIG);
        let leaf = PlainLeaf::new(BIG, Behind::Private, true);
        self.leaves.insert(start, leaf);
        Effect::of(outcome)
    }

    /// `left` frames can be had when the fault itself is done.
    fn map_around(&mut self, base: u64, region: &PlainRegion, address: u64, mut left: u64) {
        let span = u64::from(region.fault_around) * PAGE;
        let first = (address & !(span - 1)).max(base);
        let end = (address | (span - 1)).min(base + (region.size - 1)) + 1;
        let is_small = self
            .leaf_at(address)
            .is_some_and(|(_, leaf)| leaf.size == PAGE);
        if !is_small {
            return;
        }
        for page in (first..end).step_by(PAGE as usize) {
            if self.leaf_at(page).is_some() {
                continue;
            }
            let behind = if region.backing == Backing::Zero {
                Behind::Zero
            } else if left > 0 {
                left -= 1;
                Behind::Private
            } else {
                return;
            };
            self.leaves
                .insert(page, PlainLeaf::new(PAGE, behind, false));
        }
    }
}

/// True if the region holds the whole of the page of `size` around an address.
fn holds(base: u64, region: &PlainRegion, address: u64, size: u64) -> bool {
    let start = address & !(size - 1);
    start >= base && start + (size - 1) <= base + (region.size - 1)
}

/// Why a region refuses an access whatever is mapped.
fn refusal(region: &PlainRegion, access: Access, user: bool) -> Option<Refusal> {
    if region.backing == Backing::Guard {
        return Some(Refusal::Guard);
    }
    let allowed = match access {
        Access::Read => region.rights != Rights::NoAccess,
        Access::Write => region.rights == Rights::ReadWrite,
        Access::Execute => region.rights == Rights::ReadExecute,
    };
    (!allowed || user && !region.user).then_some(Refusal::Protection(access))
}
