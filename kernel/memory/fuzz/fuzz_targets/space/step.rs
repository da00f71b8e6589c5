//! The steps of a script, as the fuzzer makes them out of bytes.
//!
//! Halves, regions and pages are numbers that are counted round over what there
//! is, so that most steps hit something.

use std::ops::Range;

use arbitrary::{Arbitrary, Result, Unstructured};
use faultline_memory::Access;
use faultline_memory::paging::{Cache, LeafSize};
use faultline_memory::space::{Backing, Placement, Request, Rights};
use x86_64::{PhysAddr, VirtAddr};

use crate::common::machine::PHYSICAL_END;
use crate::common::operations::{BIG, PAGE};

/// Bytes that a step is made of, whether it uses them all or not: so that a
/// change of one step leaves the others as they are.
const STEP_BYTES: usize = 32;

/// A script, and the processor that it runs on.
#[derive(Debug)]
pub struct Script {
    pub gigabyte_pages: bool,
    pub no_execute: bool,
    pub steps: Vec<Step>,
}

impl<'a> Arbitrary<'a> for Script {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> Result<Self> {
        let features: u8 = bytes.arbitrary()?;
        let rest = bytes.bytes(bytes.len())?;
        let steps = rest
            .chunks(STEP_BYTES)
            .map(|step| Unstructured::new(step).arbitrary());
        Ok(Self {
            gigabyte_pages: features & 1 == 0,
            no_execute: features & 6 != 0,
            steps: steps.collect::<Result<_>>()?,
        })
    }
}

/// A page of a region, or the one behind its last.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct Target {
    pub half: u8,
    pub region: u8,
    pub page: u16,
}

/// One step.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Step {
    Allocate(Wish),
    Free(Target),
    Access(u8, Target, Kind, bool),
    Read(Target, u16),
    Write(Target, u16, u8),
    Protect(Target, u16, Right),
    Discard(Target, u16),
    Reserve(Target, u16),
    Unreserve(Target, u16),
    BackWith(Target, u8),
    FreeRange(Target, u16),
    Grow(Target, u16),
    /// So many pages of the first target's region, to the second target or, with
    /// the flag, to a place where large pages can stay what they are.
    Move(Target, u16, Target, bool),
    Limit(Option<u8>),
    NewSpace,
    Fork(u8),
    Load(u8, u8),
    Destroy(u8),
    /// So many pages of a half go, if the disk does not fail.
    Evict(u8, u8, bool),
    /// What is wished for lies from the target on, instead of what there is; in the
    /// half and at the place of the target, not of the wish.
    Replace(Target, Wish),
}

/// What is asked of `allocate`.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct Wish {
    pub half: u8,
    backing: Behind,
    pages: u16,
    size: Option<Size>,
    right: Right,
    fault_around: u8,
    user: bool,
    place: Place,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Behind {
    Immediate,
    Demand,
    Zero,
    Device(u8),
    /// Mostly so that it ends with physical memory.
    TopDevice(u8),
    Guard,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Size {
    Small,
    Large,
    Huge,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Place {
    Anywhere,
    At(u16),
    /// Mostly so that it ends with its half.
    Top(u8),
    Within(u16, u8),
}

/// Rights, as the fuzzer names them.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Right {
    Read,
    Write,
    Execute,
}

/// Accesses, as the fuzzer names them.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Kind {
    Read,
    Write,
    Execute,
}

impl From<Right> for Rights {
    fn from(right: Right) -> Self {
        match right {
            Right::Read => Self::Read,
            Right::Write => Self::ReadWrite,
            Right::Execute => Self::ReadExecute,
        }
    }
}

impl From<Kind> for Access {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Read => Self::Read,
            Kind::Write => Self::Write,
            Kind::Execute => Self::Execute,
        }
    }
}

impl Wish {
    /// Bytes of the pages that are asked for.
    fn page(&self) -> u64 {
        match self.size {
            None | Some(Size::Small) => PAGE,
            Some(Size::Large) => BIG,
            Some(Size::Huge) => 512 * BIG,
        }
    }

    /// The request, for a half of this span. The devices' memory is at `device`, or
    /// ends with physical memory.
    pub fn request(&self, span: Range<u64>, device: PhysAddr) -> Request {
        let pages = u64::from(self.pages) % 1200;
        let size = (pages * PAGE).next_multiple_of(self.page());
        let backing = match self.backing {
            Behind::Immediate => Backing::Immediate,
            Behind::Demand => Backing::Demand,
            Behind::Zero => Backing::Zero,
            Behind::Device(page) => {
                Backing::Device(device + u64::from(page) * 4 * PAGE, Cache::Uncached)
            }
            Behind::TopDevice(page) => {
                let end = PHYSICAL_END - short_of_end(page);
                Backing::Device(PhysAddr::new(end - size.max(PAGE)), Cache::Uncached)
            }
            Behind::Guard => Backing::Guard,
        };
        let mut request = Request::new(pages * PAGE, backing)
            .rights(self.right.into())
            .fault_around(1 << (self.fault_around % 10))
            .placement(self.place.near(span, size));
        if let Some(size) = self.size {
            request = request.page_size(match size {
                Size::Small => LeafSize::Size4KiB,
                Size::Large => LeafSize::Size2MiB,
                Size::Huge => LeafSize::Size1GiB,
            });
        }
        if self.user { request.user() } else { request }
    }
}

/// Bytes short of an end: mostly none.
fn short_of_end(page: u8) -> u64 {
    let pages = if page.is_multiple_of(4) { page / 4 } else { 0 };
    u64::from(pages) * PAGE
}

impl Place {
    /// In a stretch of 16 MiB that all regions of a half fight for, or where a
    /// region of that size ends with its half.
    fn near(self, span: Range<u64>, size: u64) -> Placement {
        let start = |page: u16| VirtAddr::new(span.start + BIG + u64::from(page) % 4096 * PAGE);
        match self {
            Self::Anywhere => Placement::Anywhere,
            Self::At(page) => Placement::At(start(page)),
            Self::Top(page) => {
                let base = span.end - size.max(PAGE) - short_of_end(page);
                Placement::At(VirtAddr::new(base))
            }
            Self::Within(page, align) => Placement::Within {
                from: start(page),
                below: start(4095).as_u64(),
                align: PAGE << (align % 10),
            },
        }
    }
}
