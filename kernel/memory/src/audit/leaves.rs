//! The audit of one leaf: the region it lies in, the rights it gives, the
//! memory it maps.

use x86_64::structures::paging::PageTableFlags;
use x86_64::{PhysAddr, VirtAddr};

use super::broken::Broken;
use super::defect::{LeafDefect, Right};
use super::marks::{Allowed, Clash, Owner, stretches};
use super::{Auditor, scope};
use crate::Features;
use crate::object::frame_of;
use crate::paging::{Entry, LeafSeen, LeafSize};
use crate::space::Half;
use crate::space::{Backing, Content, Region};

/// Bits that the processor sets when it likes.
const SET_BY_PROCESSOR: u64 = PageTableFlags::ACCESSED.bits() | PageTableFlags::DIRTY.bits();
/// Bits 51 to 12.
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;

impl Auditor<'_> {
    /// Audits a leaf among the tables of `half`. `last` is the region of the
    /// leaf before it.
    pub(super) fn leaf(
        &mut self,
        half: &Half,
        leaf: &LeafSeen,
        last: &mut Option<Region>,
    ) -> Result<(), Broken> {
        let memory = leaf.entry.leaf_address(leaf.size);
        let broken = |defect| Broken::Leaf {
            space: scope(half),
            address: VirtAddr::new_truncate(leaf.address),
            frame: memory,
            defect,
        };
        let features = self.memory.features();
        let reserved = reserved_bits(leaf, features);
        self.require(
            reserved == 0,
            broken(LeafDefect::ReservedBits { bits: reserved }),
        )?;

        let address = VirtAddr::new_truncate(leaf.address);
        let region = match *last {
            Some(region) if region.contains(address) => region,
            _ => half
                .region_at(address)
                .ok_or(broken(LeafDefect::NoRegion))?,
        };
        *last = Some(region);
        let is_within = region.holds_leaf(leaf.address, leaf.size);
        self.require(is_within, broken(LeafDefect::AcrossRegions))?;

        let is_zero =
            leaf.size == LeafSize::Size4KiB && memory == self.memory.zero_frame().start_address();
        let is_shared = leaf.flags.contains(Entry::SHARED);
        let is_objects = region.is_shared();
        match region.backing {
            Backing::Guard => return Err(broken(LeafDefect::InGuard)),
            Backing::Fixed => self.report.fixed += leaf.size.frames(),
            Backing::Device(start, _) => {
                let own = start + (leaf.address - region.base.as_u64());
                self.require(memory == own, broken(LeafDefect::OtherMemory))?;
                let end = memory.as_u64() + leaf.size.bytes();
                let is_managed = self.frames.manages_any(memory.as_u64(), end);
                self.require(!is_managed, broken(LeafDefect::BorrowsManaged))?;
                self.report.borrowed += leaf.size.frames();
            }
            Backing::Zero if is_zero => {
                let is_writable = leaf.flags.contains(Entry::WRITABLE);
                self.require(!is_writable, broken(LeafDefect::ZeroWritable))?;
                self.report.zero += 1;
            }
            Backing::Immediate | Backing::Demand | Backing::Zero | Backing::Object { .. } => {
                self.require(!is_zero, broken(LeafDefect::ZeroFrame))?;
                self.resident += leaf.size.frames();
                let owner = if is_shared {
                    Owner::Shared
                } else {
                    Owner::Private
                };
                let claimed = self.marks.claim(memory, leaf.size, owner);
                self.report.checks += leaf.size.frames();
                claimed.map_err(|Clash { frame, conflict }| {
                    at_frame(broken(LeafDefect::Frame { conflict }), frame)
                })?;
                if is_shared && is_objects {
                    let own = self.page_behind(&region, address);
                    self.require(own == Some(memory), broken(LeafDefect::OtherMemory))?;
                } else if is_shared {
                    let is_writable = leaf.flags.contains(Entry::WRITABLE);
                    self.require(!is_writable, broken(LeafDefect::SharedWritable))?;
                } else {
                    self.report.private += leaf.size.frames();
                }
            }
        }
        let content = match region.backing {
            Backing::Fixed | Backing::Guard => Content::Fixed(memory),
            Backing::Device(..) => Content::Borrowed(memory),
            Backing::Zero if is_zero => Content::Zero(memory),
            Backing::Object { .. } if is_objects => Content::Object(memory),
            Backing::Zero | Backing::Immediate | Backing::Demand | Backing::Object { .. } => {
                if is_shared {
                    Content::Shared(memory)
                } else {
                    Content::Private(memory)
                }
            }
        };
        let rights = region.leaf_flags(features, half.is_kernel());
        let expected = content.leaf(leaf.size, rights, false);
        self.rights(leaf, expected, region.backing == Backing::Fixed)
            .map_err(broken)?;
        self.write_or_execute(leaf, &region)
            .map_err(|frame| at_frame(broken(LeafDefect::WritableAndExecutable), frame))
    }

    /// The frame of the object's page behind an address.
    fn page_behind(&mut self, region: &Region, address: VirtAddr) -> Option<PhysAddr> {
        let wanted = region.wanted_page(address)?;
        let record = self.objects.get(wanted.object)?;
        frame_of(self.objects.pages_of(&record).get(wanted.page))
    }

    /// The leaf gives what its region gives: not more, and, unless somebody
    /// else made it, not less.
    fn rights(
        &mut self,
        leaf: &LeafSeen,
        expected: Entry,
        is_fixed: bool,
    ) -> Result<(), LeafDefect> {
        // The tables above a fixed leaf may be somebody else's and take rights away.
        let flags = if is_fixed {
            leaf.flags
        } else {
            leaf.entry.flags()
        };
        for right in [Right::Write, Right::Execute, Right::User, Right::Global] {
            self.report.checks += 1;
            match (right.is_in(flags), right.is_in(expected.flags())) {
                (true, false) => return Err(LeafDefect::Excess { right }),
                (false, true) if !is_fixed => return Err(LeafDefect::Lack { right }),
                (false, true) | (true, true) | (false, false) => {}
            }
        }
        match (leaf.entry.bits() ^ expected.bits()) & !SET_BY_PROCESSOR {
            bits if bits != 0 && !is_fixed => Err(LeafDefect::Bits { bits }),
            _ => Ok(()),
        }
    }

    /// Notes what the leaf allows to do with each of its frames. Where nothing
    /// can be made not executable there is nothing to find.
    fn write_or_execute(&mut self, leaf: &LeafSeen, region: &Region) -> Result<(), PhysAddr> {
        if !self.memory.features().no_execute {
            return Ok(());
        }
        let memory = leaf.entry.leaf_address(leaf.size);
        let shown_at = self.direct_map.as_u64().wrapping_add(memory.as_u64());
        let allowed = Allowed {
            write: Right::Write.is_in(leaf.flags),
            execute: Right::Execute.is_in(leaf.flags),
            through_direct_map: region.backing == Backing::Fixed && shown_at == leaf.address,
        };
        if allowed.write && allowed.execute {
            return Err(memory);
        }
        self.executes_outside |= allowed.execute
            && stretches(self.frames, memory, leaf.size).any(|stretch| stretch.managed.is_none());
        self.report.checks += leaf.size.frames();
        self.marks.allow(memory, leaf.size, allowed)
    }
}

impl Right {
    /// Whether an entry with these flags gives the right.
    pub(super) fn is_in(self, flags: PageTableFlags) -> bool {
        match self {
            Self::Write => flags.contains(PageTableFlags::WRITABLE),
            Self::Execute => !flags.contains(PageTableFlags::NO_EXECUTE),
            Self::User => flags.contains(PageTableFlags::USER_ACCESSIBLE),
            Self::Global => flags.contains(PageTableFlags::GLOBAL),
        }
    }
}

/// The bits of a leaf that make the processor refuse it: address bits that it
/// lacks or that a large leaf does not have, and abilities that it lacks
/// (Intel SDM vol. 3A 4.7). Bit 12 of a large leaf is its PAT bit.
fn reserved_bits(leaf: &LeafSeen, features: Features) -> u64 {
    let past_memory = ADDRESS & !(features.physical_end() - 1);
    let mut reserved = past_memory;
    if leaf.size > LeafSize::Size4KiB {
        reserved |= (leaf.size.bytes() - 1) & ADDRESS & !0x1000;
    }
    if !leaf.size.exists_with(features) {
        reserved |= Entry::HUGE_BIT;
    }
    if !features.no_execute {
        reserved |= PageTableFlags::NO_EXECUTE.bits();
    }
    leaf.entry.bits() & reserved
}

/// The same, with the frame that is at fault in the place of the leaf's first.
fn at_frame(broken: Broken, at: PhysAddr) -> Broken {
    match broken {
        Broken::Leaf {
            space,
            address,
            defect,
            ..
        } => Broken::Leaf {
            space,
            address,
            frame: at,
            defect,
        },
        other => other,
    }
}
