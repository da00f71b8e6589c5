//! From what the boot loader says about memory to what may be handed out.
//!
//! Boot memory maps lie: they come unsorted, overlapping, unaligned, with
//! empty or reversed regions, with kinds nobody knows and addresses that no
//! processor has. [`MemoryMap`] reads such a map and yields sorted ranges of
//! whole frames that do not overlap. What must always hold of them:
//!
//! - Usable is clipped inward to whole frames, used is grown outward; where
//!   two regions overlap, used wins.
//! - Nothing below 1 MiB and nothing past the processor's physical addresses
//!   is usable.
//!
//! It has no storage of its own: each range is found by one more pass over the
//! regions, which is quadratic, and right for the hundred or so that firmware
//! tells. Next up: `frames` hands out what is found here.
//! In the book: chapter 2, `docs/02-what-memory-there-is.md`.

use core::fmt;
use core::ops::Range;

use x86_64::PhysAddr;

/// log2 of the size of a frame.
pub(crate) const FRAME_SHIFT: u32 = 12;

/// Firmware, real-mode code and device memory live below 1 MiB (in frames).
const LOW_MEMORY_END: u64 = 0x10_0000 >> FRAME_SHIFT;

/// How many frames there are below 2^52, which no physical address reaches
/// (Intel SDM volume 3A, section 4.1.4). As an end it is no `PhysAddr`, so ends
/// are plain numbers.
pub(crate) const FRAMES: u64 = 1 << (52 - FRAME_SHIFT);

/// What a piece of memory is, in rising order of who wins in an overlap.
///
/// What boot loaders call it; every kind that is not named here is `Reserved`:
///
/// | boot loader | `Usable` | `Reclaimable` | `Reserved` |
/// |---|---|---|---|
/// | `bootloader_api` 0.11 | `Usable` | `Bootloader` | `UnknownUefi`, `UnknownBios` |
/// | `bootloader` 0.9 | `Usable` | `Bootloader`, `PageTable`, `KernelStack`, `BootInfo`, `AcpiReclaimable` | `Kernel`, `InUse`, `Package`, `FrameZero`, `AcpiNvs`, `BadMemory` |
/// | Multiboot2 | 1 (available) | 3 (ACPI) | 2, 4 (kept over hibernation), 5 (defective) |
/// | Limine | usable | bootloader reclaimable, ACPI reclaimable | executable and modules, framebuffer, ACPI NVS, bad memory |
/// | UEFI | conventional | boot services code and data, ACPI reclaim | loader code and data, runtime services, all others |
///
/// - Reclaimable memory holds what the kernel still runs on: tables, stack, boot
///   information, with `bootloader_api` also the image. Reclaim it when they have been
///   replaced, or around them; ACPI memory when its tables have been read.
/// - Multiboot2 counts the image, the modules and its own boot information as
///   available: add a reserved [`Region`] for each, which wins.
/// - UEFI's kinds are those after `ExitBootServices`. Its loader code and data are
///   the image and whatever the loader allocated: reclaimable in part, if you know which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Free memory.
    Usable,
    /// In use by the boot loader; usable once the kernel needs nothing of it.
    Reclaimable,
    /// Firmware, devices, broken memory, and every kind that is not known.
    Reserved,
}

/// One region as the boot loader tells it: bytes `start..end`, `end` exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Region {
    /// The first byte.
    pub start: u64,
    /// One past the last byte. A region that ends where it starts, or before, is ignored.
    pub end: u64,
    /// What it is.
    pub kind: Kind,
}

/// Whole 4 KiB frames in a row, up to the last one below 2^52.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FrameRange {
    /// The number of the first frame.
    first: u64,
    /// One past the number of the last frame; both are 0 if there is none.
    end: u64,
}

impl FrameRange {
    /// The whole frames inside the bytes `start..end`; none if `end` does not lie
    /// past the first of them. An `end` above 2^52 is one of 2^52.
    #[must_use]
    pub fn new(start: PhysAddr, end: u64) -> Self {
        Self::of_numbers(frame_above(start.as_u64())..(end >> FRAME_SHIFT).min(FRAMES))
    }

    /// No frame at all.
    #[must_use]
    pub fn empty() -> Self {
        Self { first: 0, end: 0 }
    }

    /// The frames with these numbers, which are at most [`FRAMES`].
    pub(crate) fn of_numbers(numbers: Range<u64>) -> Self {
        let Range { start: first, end } = numbers;
        if first < end {
            Self { first, end }
        } else {
            Self::empty()
        }
    }

    /// The numbers of its frames.
    pub(crate) fn numbers(&self) -> Range<u64> {
        self.first..self.end
    }

    /// The first byte of the first frame; 0 if there is none.
    #[must_use]
    pub fn start(&self) -> PhysAddr {
        PhysAddr::new(self.first << FRAME_SHIFT)
    }

    /// One past the last byte of the last frame, at most 2^52; 0 if there is none.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.end << FRAME_SHIFT
    }

    /// How many 4 KiB frames it holds.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.end - self.first
    }

    /// How many bytes its frames hold.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.frames() << FRAME_SHIFT
    }

    /// Whether it holds no frame.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.first == self.end
    }

    /// Whether the byte at `address` lies in one of its frames.
    #[must_use]
    pub fn contains(&self, address: PhysAddr) -> bool {
        self.numbers().contains(&(address.as_u64() >> FRAME_SHIFT))
    }
}

impl fmt::Debug for FrameRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}..{:#x}", self.start(), self.end())
    }
}

/// Frames that are all of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MapEntry {
    /// The frames.
    pub range: FrameRange,
    /// What they are.
    pub kind: Kind,
}

impl From<FrameRange> for MapEntry {
    /// Frames of which nothing else is said are usable.
    fn from(range: FrameRange) -> Self {
        Self {
            range,
            kind: Kind::Usable,
        }
    }
}

/// A boot loader's map, read through an iterator over its regions.
#[derive(Clone, Debug)]
pub struct MemoryMap<I> {
    regions: I,
    /// Frames from this number on are not usable.
    usable_end: u64,
}

impl<I: Iterator<Item = Region> + Clone> MemoryMap<I> {
    /// The map that `regions` tells, for a processor with 52 bits of physical address.
    pub fn new(regions: impl IntoIterator<Item = Region, IntoIter = I>) -> Self {
        Self {
            regions: regions.into_iter(),
            usable_end: FRAMES,
        }
    }

    /// The same map for a processor with `bits` of physical address (at most
    /// 52; CPUID leaf 0x8000_0008). Nothing above them is usable.
    #[must_use]
    pub fn physical_bits(self, bits: u8) -> Self {
        let bits = u32::from(bits).clamp(FRAME_SHIFT, 52);
        Self {
            usable_end: 1 << (bits - FRAME_SHIFT),
            ..self
        }
    }

    /// All frames that the map tells of, each range with its kind, in rising
    /// order. Neighbouring ranges differ in kind or do not touch.
    pub fn entries(&self) -> Entries<I> {
        Entries {
            map: self.clone(),
            position: 0,
        }
    }

    /// What a frame allocator should look after: usable and reclaimable ranges.
    pub fn managed(&self) -> impl Iterator<Item = MapEntry> + Clone + use<I> {
        self.entries().filter(|entry| entry.kind != Kind::Reserved)
    }

    /// What may be handed out at once.
    pub fn usable(&self) -> impl Iterator<Item = FrameRange> + Clone + use<I> {
        self.entries()
            .filter(|entry| entry.kind == Kind::Usable)
            .map(|entry| entry.range)
    }

    /// What the frame `number` is, and the number, past it, up to which the same regions say so.
    fn look_at(&self, number: u64) -> (Option<Kind>, u64) {
        let mut found = None;
        let mut same_until = FRAMES;
        let mut note = |start: u64, end: u64, kind: Kind| {
            if (start..end).contains(&number) {
                found = found.max(Some(kind));
                same_until = same_until.min(end);
            } else if start < end && start > number {
                same_until = same_until.min(start);
            }
        };
        for Region { start, end, kind } in self
            .regions
            .clone()
            .filter(|region| region.start < region.end)
        {
            let (inner, inner_end) = (frame_above(start), end >> FRAME_SHIFT);
            let (outer, outer_end) = (start >> FRAME_SHIFT, frame_above(end));
            match kind {
                Kind::Usable => note(inner, inner_end, kind),
                Kind::Reclaimable if inner < inner_end => {
                    // A frame that is the loader's only in part is never reclaimed.
                    note(outer, inner, Kind::Reserved);
                    note(inner, inner_end, kind);
                    note(inner_end, outer_end, Kind::Reserved);
                }
                Kind::Reclaimable | Kind::Reserved => note(outer, outer_end, Kind::Reserved),
            }
        }
        let reserved = found.map(|_| Kind::Reserved);
        match number {
            ..LOW_MEMORY_END => (reserved, same_until.min(LOW_MEMORY_END)),
            _ if number >= self.usable_end => (reserved, same_until),
            _ => (found, same_until.min(self.usable_end)),
        }
    }
}

/// The number of the first frame that starts at or after `address`.
fn frame_above(address: u64) -> u64 {
    (address >> FRAME_SHIFT) + u64::from(address & ((1 << FRAME_SHIFT) - 1) != 0)
}

/// The iterator that [`MemoryMap::entries`] returns.
#[derive(Clone, Debug)]
pub struct Entries<I> {
    map: MemoryMap<I>,
    /// The first frame that was not looked at.
    position: u64,
}

impl<I: Iterator<Item = Region> + Clone> Iterator for Entries<I> {
    type Item = MapEntry;

    fn next(&mut self) -> Option<MapEntry> {
        while self.position < FRAMES {
            let start = self.position;
            let (kind, mut end) = self.map.look_at(start);
            self.position = end;
            let Some(kind) = kind else { continue };
            while end < FRAMES {
                let (next, next_end) = self.map.look_at(end);
                if next != Some(kind) {
                    break;
                }
                end = next_end;
            }
            self.position = end;
            return Some(MapEntry {
                range: FrameRange::of_numbers(start..end),
                kind,
            });
        }
        None
    }
}
