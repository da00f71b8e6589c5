//! Regions, and a map of them that has to say the same.

use super::*;

#[repr(align(4096))]
pub(super) struct Page(#[allow(dead_code, reason = "memory, not a value")] [u8; PAGE as usize]);

/// Regions, and a map from the base to the size and a number of its own.
pub(super) struct Both {
    pub(super) memory: Vec<Page>,
    pub(super) frames: Frames<'static>,
    pub(super) regions: Regions,
    pub(super) map: BTreeMap<u64, (u64, u64)>,
    /// The first page of the area.
    pub(super) start: u64,
    /// The last address of the area, and of its half.
    pub(super) top: u64,
}

pub(super) fn record(base: u64, size: u64, number: u64) -> Record {
    Record {
        region: Region {
            base: VirtAddr::new(base),
            size,
            backing: Backing::Demand,
            rights: Rights::ReadWrite,
            page_size: LeafSize::Size4KiB,
            user: false,
            fault_around: 1,
            grows_down: false,
            label: "",
            faults: number,
            source: 0,
            offset: 0,
        },
        rights: PageTableFlags::empty(),
        refused: PageFaultErrorCode::empty(),
    }
}

pub(super) fn plain(record: &Record) -> (u64, u64, u64) {
    (record.base(), record.region.size, record.region.faults)
}

impl Both {
    pub(super) fn new(top: u64) -> Self {
        let mut memory: Vec<Page> = (0..=FRAMES).map(|_| Page([0; PAGE as usize])).collect();
        // SAFETY: the memory lasts as long as the regions, and only they use it.
        let direct_map = unsafe { DirectMap::new(VirtAddr::from_ptr(memory.as_mut_ptr())) };
        memory.as_mut_ptr().expose_provenance();
        let range = FrameRange::new(PhysAddr::new(PAGE), (FRAMES + 1) * PAGE);
        let storage = vec![0; Layout::of([range].into_iter()).words()].leak();
        // SAFETY: nobody else uses this memory, and the storage does not lie in it.
        let frames = unsafe { Frames::new([range].into_iter(), storage, FrameRange::empty()) };
        Self {
            memory,
            frames: frames.expect("one range"),
            regions: Regions::new(direct_map),
            map: BTreeMap::new(),
            start: top - (AREA * PAGE - 1),
            top,
        }
    }

    pub(super) fn base_of(&self, page: u64) -> u64 {
        self.start + page % AREA * PAGE
    }

    /// Reserves with ever more frames until it works: before, nothing changes.
    pub(super) fn reserve(&mut self, bases: &[u64]) {
        let before = (self.frames.counts(), self.regions.spares.len());
        for limit in 0.. {
            self.frames.set_limit(Some(limit));
            let result = self.regions.reserve(bases, &mut self.frames);
            self.frames.set_limit(None);
            let now = (self.frames.counts(), self.regions.spares.len());
            if result.is_ok() {
                // Not one too many is taken either.
                assert_eq!(now.0.free, before.0.free - limit);
                return;
            }
            assert_eq!(now, before);
        }
    }

    /// Where a region of this size could grow to, from this base on, as a last address.
    pub(super) fn room_from(&self, base: u64) -> u64 {
        let next = self.map.range(base + 1..).next();
        next.map_or(self.top, |(next, _)| next - 1)
    }

    /// Inserts regions of these sizes at these pages, where they are free.
    pub(super) fn insert(&mut self, wishes: &[(u64, u64)]) {
        let mut chosen = BTreeMap::new();
        for (page, pages) in wishes {
            let base = self.base_of(*page);
            let is_free = self.holder(base).is_none() && !chosen.contains_key(&base);
            if is_free {
                chosen.insert(base, *pages);
            }
        }
        let bases: Vec<u64> = chosen.keys().copied().collect();
        self.reserve(&bases);
        for (base, pages) in chosen {
            if self.holder(base).is_some() {
                continue;
            }
            let size = (pages * PAGE - 1).min(self.room_from(base) - base) + 1;
            self.map.insert(base, (size, base ^ size));
            self.regions.insert(record(base, size, base ^ size));
        }
    }

    pub(super) fn holder(&self, address: u64) -> Option<(u64, u64, u64)> {
        let (base, (size, number)) = self.map.range(..=address).next_back()?;
        (address - base < *size).then_some((*base, *size, *number))
    }

    /// The base of some region, if there is one.
    pub(super) fn some(&self, chance: u64) -> Option<u64> {
        let base = self.base_of(chance);
        let mut from = self.map.range(base..).chain(&self.map);
        from.next().map(|(base, _)| *base)
    }

    pub(super) fn remove(&mut self, base: u64) {
        let expected = self.map.remove(&base);
        let removed = self.regions.remove(base).map(|record| plain(&record));
        assert_eq!(removed, expected.map(|(size, number)| (base, size, number)));
    }

    pub(super) fn resize(&mut self, base: u64, pages: u64) {
        let size = (pages * PAGE - 1).min(self.room_from(base) - base) + 1;
        self.map.insert(base, (size, pages));
        let is_there = self.regions.update(base, |record| {
            record.region.size = size;
            record.region.faults = pages;
        });
        assert!(is_there);
        assert!(
            !self
                .regions
                .update(base + 1, |_| panic!("no region begins there"))
        );
    }

    /// Takes pages from the lower end of a region, but not its last one. That
    /// needs no node.
    pub(super) fn shorten(&mut self, base: u64, pages: u64) {
        let (size, number) = self.map.remove(&base).expect("a base of a region");
        let gone = (pages * PAGE).min((size - 1) / PAGE * PAGE);
        self.map.insert(base + gone, (size - gone, number));
        let is_there = self.regions.update(base, |record| {
            record.region.base += gone;
            record.region.size -= gone;
        });
        assert!(is_there);
    }

    /// All ways to ask for an address say what the map says.
    pub(super) fn ask(&mut self, address: u64) {
        let holder = self.holder(address);
        assert_eq!(self.regions.find(address).map(plain), holder);
        let looked_up = self.regions.lookup(address);
        assert_eq!(looked_up.map(|record| plain(record)), holder);
        let entry = |(base, (size, number)): (&u64, &(u64, u64))| (*base, *size, *number);
        let above = self.map.range(address..).next().map(entry);
        assert_eq!(self.regions.from(address).map(plain), holder.or(above));
        let before = self.map.range(..address).next_back().map(entry);
        assert_eq!(self.regions.before(address).map(plain), before);
    }

    /// The lowest place that fits, gap by gap.
    pub(super) fn fit(&self, size: u64, align: u64, low: u64, last: u64) -> Option<u64> {
        self.gaps().into_iter().find_map(|(start, end)| {
            let place = start.max(low).checked_next_multiple_of(align)?;
            let end = end.min(last);
            (place <= end && end - place >= size - 1).then_some(place)
        })
    }

    /// The highest place that fits, found by looking at every gap.
    pub(super) fn last_fit(&self, size: u64, align: u64, low: u64, last: u64) -> Option<u64> {
        self.gaps().into_iter().rev().find_map(|(start, end)| {
            let place = end.min(last).checked_sub(size - 1)? & !(align - 1);
            (place >= start.max(low)).then_some(place)
        })
    }

    /// Every gap, by its first and its last address.
    fn gaps(&self) -> Vec<(u64, u64)> {
        let mut gaps = vec![];
        let mut start = Some(0);
        for (base, (size, _)) in &self.map {
            gaps.extend(
                start
                    .filter(|start| start < base)
                    .map(|start| (start, base - 1)),
            );
            start = (base + (size - 1)).checked_add(1);
        }
        gaps.extend(start.map(|start| (start, u64::MAX)));
        gaps
    }

    /// The tree is whole, in frames of its own, and holds what the map holds.
    pub(super) fn check(&self) {
        let mut seen = BTreeSet::new();
        let mut records = vec![];
        let result = self.regions.check::<Defect>(&mut |met| {
            match met {
                Met::Frame(frame) => {
                    assert_eq!(self.frames.state_of(frame), Some(State::Used));
                    assert!(seen.insert(frame), "two nodes in {frame:?}");
                }
                Met::Record(record) => records.push(plain(record)),
            }
            Ok(())
        });
        assert_eq!(result, Ok(()));
        let expected = self
            .map
            .iter()
            .map(|(base, (size, number))| (*base, *size, *number));
        assert!(expected.eq(records.iter().copied()));
        assert_eq!(self.regions.len(), records.len() as u64);
        assert_eq!(self.regions.frames(), seen.len() as u64);
        assert_eq!(self.frames.counts().kernel, seen.len() as u64);
    }

    /// Empties the regions; no frame is missing then.
    pub(super) fn end(mut self) {
        assert!(
            self.regions.iter().map(plain).eq(self
                .map
                .iter()
                .map(|(base, (size, number))| (*base, *size, *number)))
        );
        while let Some((base, _)) = self.map.first_key_value() {
            self.remove(*base);
        }
        self.check();
        self.regions.give_back_spares(&mut self.frames);
        self.check();
        assert_eq!((self.regions.height, self.regions.frames()), (0, 0));
        assert_eq!(self.frames.counts().kernel, 0);
    }
}
