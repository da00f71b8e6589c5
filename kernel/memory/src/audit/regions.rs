//! The audit of region records: sorted, apart, balanced, and each in a frame
//! of its half's own pool.

use x86_64::{PhysAddr, VirtAddr};

use crate::space::Half;
use crate::space::Region;
use crate::space::tree::{Link, Node};
use super::broken::{Broken, Counter, RegionDefect};
use super::marks::{Clash, Owner};
use super::{Auditor, scope};
use crate::paging::LeafSize;
use crate::pool::Handle;
use crate::space::regions::Record;

/// What the subtree below a link was found to be.
struct Subtree {
    height: u8,
    start: u64,
    end: u64,
    gap: u64,
}

/// A half's tree under audit, in the order of addresses.
struct Tour<'h> {
    half: &'h Half,
    /// The region before the one looked at.
    before: Option<Region>,
    regions: u64,
    slabs: u64,
    records: u64,
    /// Whether the record that was hit last was met.
    met_last: bool,
}

impl Auditor<'_> {
    /// Audits the region records of a half.
    pub(super) fn regions(&mut self, half: &Half) -> Result<(), Broken> {
        let mut tour = Tour {
            half,
            before: None,
            regions: 0,
            slabs: 0,
            records: 0,
            met_last: half.records().last.is_none(),
        };
        self.subtree(&mut tour, half.records().tree.root, u8::MAX)?;
        let slab = half.records().last.map_or(0, Handle::slab);
        let stale = Broken::Region {
            space: scope(half),
            base: VirtAddr::new_truncate(slab),
            defect: RegionDefect::StaleHit,
        };
        self.require(tour.met_last, stale)?;
        self.equal(
            Counter::Regions(scope(half)),
            half.records().len(),
            tour.regions,
        )?;
        let frames = half.records().frames();
        self.equal(Counter::RecordFrames(scope(half)), frames, tour.slabs)?;
        self.equal(Counter::Records(scope(half)), tour.records, tour.regions)?;
        self.report.regions += tour.regions;
        self.report.record_frames += tour.slabs;
        Ok(())
    }

    /// Audits what lies below a link, whose height must be less than `limit`:
    /// so it ends, whatever the links say.
    fn subtree(
        &mut self,
        tour: &mut Tour<'_>,
        link: Link,
        limit: u8,
    ) -> Result<Option<Subtree>, Broken> {
        let Some(handle) = link else { return Ok(None) };
        self.record(tour, handle)?;
        let half = tour.half;
        let node = half.records().tree.pool.get(handle);
        let broken = |defect| Broken::Region {
            space: scope(half),
            base: node.record.region.base,
            defect,
        };
        self.require(node.height < limit, broken(RegionDefect::Height))?;
        let left = self.subtree(tour, node.left, node.height)?;
        self.region(tour, &node.record.region)?;
        let features = self.memory.features();
        let derived = Record::new(node.record.region, features, half.is_kernel());
        self.require(node.record == derived, broken(RegionDefect::Derived))?;
        let right = self.subtree(tour, node.right, node.height)?;

        let height = |below: &Option<Subtree>| below.as_ref().map_or(0, |below| below.height);
        let (left_height, right_height) = (height(&left), height(&right));
        let is_balanced = left_height.abs_diff(right_height) <= 1
            && node.height == 1 + left_height.max(right_height);
        self.require(is_balanced, broken(RegionDefect::Height))?;
        let whole = joined(node, left, right);
        let is_noted = node.start == whole.start && node.end == whole.end && node.gap == whole.gap;
        self.require(is_noted, broken(RegionDefect::Gap))?;
        Ok(Some(whole))
    }

    /// The frame of a record, before the record itself is read.
    fn record(&mut self, tour: &mut Tour<'_>, handle: Handle<Node>) -> Result<(), Broken> {
        tour.met_last |= tour.half.records().last == Some(handle);
        let slab = PhysAddr::new_truncate(handle.slab());
        if self.marks.is_records(slab) {
            return Ok(());
        }
        self.marks
            .claim(slab, LeafSize::Size4KiB, Owner::Records)
            .map_err(|Clash { conflict, .. }| Broken::Region {
                space: scope(tour.half),
                base: VirtAddr::new_truncate(slab.as_u64()),
                defect: RegionDefect::Record(conflict),
            })?;
        tour.slabs += 1;
        tour.records += tour.half.records().tree.pool.records_beside(handle);
        Ok(())
    }

    /// One region, in its place behind the one before it.
    fn region(&mut self, tour: &mut Tour<'_>, region: &Region) -> Result<(), Broken> {
        let half = tour.half;
        let broken = |defect| Broken::Region {
            space: scope(half),
            base: region.base,
            defect,
        };
        let base = region.base.as_u64();
        let is_whole = base.is_multiple_of(4096) && region.size.is_multiple_of(4096);
        let is_aligned = is_whole && region.size > 0;
        self.require(is_aligned, broken(RegionDefect::Unaligned))?;
        let (low, high) = half.bounds(region.backing);
        let is_inside = base >= low && base < high && region.size <= high - base;
        self.require(is_inside, broken(RegionDefect::OutsideHalf))?;
        let ends = tour.before.map_or(0, |before| before.end());
        self.require(base >= ends, broken(RegionDefect::OutOfOrder))?;
        let continues = tour.before.is_some_and(|before| {
            before.source == region.source
                && before.end() == base
                && before.offset + before.size == region.offset
        });
        let is_torn = region.offset > 0 && !continues;
        self.require(!is_torn, broken(RegionDefect::TornOff))?;
        let is_user = region.user && half.is_kernel();
        self.require(!is_user, broken(RegionDefect::User))?;
        tour.before = Some(*region);
        tour.regions += 1;
        Ok(())
    }
}

/// What a node has to note of the subtree that it and its children are.
fn joined(node: &Node, left: Option<Subtree>, right: Option<Subtree>) -> Subtree {
    let (base, end) = (node.record.region.base.as_u64(), node.record.region.end());
    let mut whole = Subtree {
        height: node.height,
        start: base,
        end,
        gap: 0,
    };
    if let Some(left) = left {
        whole.start = left.start;
        whole.gap = left.gap.max(base - left.end);
    }
    if let Some(right) = right {
        whole.end = right.end;
        whole.gap = whole.gap.max(right.gap).max(right.start - end);
    }
    whole
}
