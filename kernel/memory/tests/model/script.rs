//! Scripts of operations, and how they are made at random.
//!
//! A step names regions by number and pages by their distance from the base,
//! so that most steps hit something and a shortened script still makes sense.

use std::fmt;

use faultline_memory::Access;
use faultline_memory::paging::LeafSize;
use faultline_memory::space::Rights;
use proptest::collection::vec;
use proptest::prelude::*;

/// Which half of the address space: 0 is the kernel's, the others are those of
/// the spaces there are, counted round.
pub type HalfNumber = u8;

/// A place near a region.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Counted round over the regions of the half.
    pub region: u8,
    /// Pages from its base, counted round; now and then the one behind it.
    pub page: u16,
    /// Bytes in that page.
    pub byte: u16,
}

/// Where a region is asked for.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    Anywhere,
    /// So many pages into a small stretch that regions fight for.
    Arena(u16),
    /// From there on, for at most so many pages, aligned to 2^n pages.
    Within(u16, u16, u8),
    /// So many pages short of the end of the half.
    Top(u16),
}

/// The backing of a region; a device's memory begins so many pages after a
/// multiple of 1 GiB, or ends so many pages short of where physical memory does.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Immediate,
    Demand,
    Zero,
    Device(u16),
    TopDevice(u16),
    Guard,
    Fixed,
}

/// What is asked of `allocate`.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    pub kind: Kind,
    pub bytes: u64,
    pub rights: Rights,
    pub page_size: Option<LeafSize>,
    pub fault_around: u16,
    pub user: bool,
    pub place: Place,
}

/// One step of a script.
#[derive(Clone, Copy)]
pub enum Step {
    Allocate(HalfNumber, Wish),
    /// With so many pages added to the base: mostly none.
    Free(HalfNumber, Target),
    Access(u8, HalfNumber, Target, Access, bool, u8),
    Read(HalfNumber, Target, u16),
    Write(HalfNumber, Target, u16, u8),
    Protect(HalfNumber, Target, u16, Rights),
    Discard(HalfNumber, Target, u16),
    Reserve(HalfNumber, Target, u16),
    Unreserve(HalfNumber, Target, u16),
    BackWith(HalfNumber, Target, u8),
    FreeRange(HalfNumber, Target, u16),
    Replace(HalfNumber, Target, u16),
    Grow(HalfNumber, Target, u16),
    /// The last number says whether the whole region moves, and where to.
    Move(HalfNumber, Target, u16, u16),
    Limit(Option<u16>),
    /// So many pages go.
    Evict(HalfNumber, u16),
    NewSpace,
    Fork(HalfNumber),
    Load(u8, HalfNumber),
    Destroy(HalfNumber),
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allocate(half, wish) => write!(f, "Allocate({half}, {wish:?})"),
            Self::Free(half, target) => write!(f, "Free({half}, {target:?})"),
            Self::Access(processor, half, target, access, user, byte) => write!(
                f,
                "Access({processor}, {half}, {target:?}, Access::{access:?}, {user}, {byte})"
            ),
            Self::Read(half, target, size) => write!(f, "Read({half}, {target:?}, {size})"),
            Self::Write(half, target, size, byte) => {
                write!(f, "Write({half}, {target:?}, {size}, {byte})")
            }
            Self::Protect(half, target, pages, rights) => write!(
                f,
                "Protect({half}, {target:?}, {pages}, Rights::{rights:?})"
            ),
            Self::Discard(half, target, pages) => {
                write!(f, "Discard({half}, {target:?}, {pages})")
            }
            Self::Reserve(half, target, pages) => {
                write!(f, "Reserve({half}, {target:?}, {pages})")
            }
            Self::Unreserve(half, target, pages) => {
                write!(f, "Unreserve({half}, {target:?}, {pages})")
            }
            Self::BackWith(half, target, byte) => {
                write!(f, "BackWith({half}, {target:?}, {byte})")
            }
            Self::FreeRange(half, target, pages) => {
                write!(f, "FreeRange({half}, {target:?}, {pages})")
            }
            Self::Replace(half, target, pages) => {
                write!(f, "Replace({half}, {target:?}, {pages})")
            }
            Self::Grow(half, target, pages) => write!(f, "Grow({half}, {target:?}, {pages})"),
            Self::Move(half, target, pages, to) => {
                write!(f, "Move({half}, {target:?}, {pages}, {to})")
            }
            Self::Limit(left) => write!(f, "Limit({left:?})"),
            Self::Evict(half, pages) => write!(f, "Evict({half}, {pages})"),
            Self::NewSpace => write!(f, "NewSpace"),
            Self::Fork(half) => write!(f, "Fork({half})"),
            Self::Load(processor, half) => write!(f, "Load({processor}, {half})"),
            Self::Destroy(half) => write!(f, "Destroy({half})"),
        }
    }
}

/// A script of up to `most` steps, the first few of them allocations.
pub fn script(most: usize) -> impl Strategy<Value = Vec<Step>> {
    const FIRST: usize = 8;
    let allocation = (0..2_u8, wish()).prop_map(|(half, wish)| Step::Allocate(half, wish));
    (vec(allocation, 1..=FIRST), vec(step(), 1..=most - FIRST))
        .prop_map(|(first, then)| first.into_iter().chain(then).collect())
}

fn step() -> impl Strategy<Value = Step> {
    let target = || (any::<u8>(), any::<u16>(), 0..4096_u16).prop_map(target_of);
    let half = || 0..3_u8;
    let processor = || 0..2_u8;
    let size = || prop_oneof![4 => 1..40_u16, 1 => 1..9000_u16];
    let access = (
        processor(),
        half(),
        target(),
        access(),
        any::<bool>(),
        1..=255_u8,
    );
    prop_oneof![
        12 => (half(), wish()).prop_map(|(half, wish)| Step::Allocate(half, wish)),
        2 => (half(), target()).prop_map(|(half, target)| Step::Free(half, target)),
        24 => access.prop_map(|(processor, half, target, access, user, byte)| {
            // Ring 3 is tried less often: most regions refuse it.
            let user = user && byte % 4 == 0;
            Step::Access(processor, half, target, access, user, byte)
        }),
        2 => (half(), target(), size()).prop_map(|(half, target, size)| {
            Step::Read(half, target, size)
        }),
        3 => (half(), target(), size(), 1..=255_u8).prop_map(|(half, target, size, byte)| {
            Step::Write(half, target, size, byte)
        }),
        5 => (half(), target(), pages(), rights()).prop_map(|(half, target, pages, rights)| {
            Step::Protect(half, target, pages, rights)
        }),
        4 => (half(), target(), pages()).prop_map(|(half, target, pages)| {
            Step::Discard(half, target, pages)
        }),
        4 => (half(), target(), pages()).prop_map(|(half, target, pages)| {
            Step::Reserve(half, target, pages)
        }),
        2 => (half(), target(), pages()).prop_map(|(half, target, pages)| {
            Step::Unreserve(half, target, pages)
        }),
        4 => (half(), target(), 1..=255_u8).prop_map(|(half, target, byte)| {
            Step::BackWith(half, target, byte)
        }),
        4 => (1..3_u8, target(), pages()).prop_map(|(half, target, pages)| {
            Step::FreeRange(half, target, pages)
        }),
        4 => (1..3_u8, target(), pages()).prop_map(|(half, target, pages)| {
            Step::Replace(half, target, pages)
        }),
        3 => (1..3_u8, target(), pages(), any::<bool>()).prop_map(|(half, target, pages, base)| {
            let page = if base { 0 } else { target.page };
            Step::Grow(half, Target { page, ..target }, pages)
        }),
        5 => (1..3_u8, target(), pages(), any::<u16>()).prop_map(|(half, target, pages, to)| {
            Step::Move(half, target, pages, to)
        }),
        1 => proptest::option::of(prop_oneof![0..12_u16, 0..1200_u16]).prop_map(Step::Limit),
        1 => Just(Step::Limit(None)),
        5 => (1..3_u8, pages()).prop_map(|(half, pages)| Step::Evict(half, pages)),
        2 => Just(Step::NewSpace),
        4 => (1..3_u8).prop_map(Step::Fork),
        2 => (processor(), prop_oneof![1 => Just(0), 8 => 1..3_u8])
            .prop_map(|(processor, half)| Step::Load(processor, half)),
        1 => (1..3_u8).prop_map(Step::Destroy),
    ]
}

fn target_of((region, page, byte): (u8, u16, u16)) -> Target {
    Target { region, page, byte }
}

fn pages() -> impl Strategy<Value = u16> {
    prop_oneof![8 => 1..16_u16, 2 => 1..1100_u16, 1 => Just(512)]
}

/// Pages that are left free before an end.
fn often_none() -> impl Strategy<Value = u16> {
    prop_oneof![3 => Just(0), 1 => 0..3_u16, 1 => 0..1100_u16]
}

fn rights() -> impl Strategy<Value = Rights> {
    prop_oneof![
        6 => Just(Rights::ReadWrite),
        1 => Just(Rights::Read),
        1 => Just(Rights::ReadExecute),
        1 => Just(Rights::NoAccess),
    ]
}

fn access() -> impl Strategy<Value = Access> {
    prop_oneof![
        4 => Just(Access::Write),
        3 => Just(Access::Read),
        1 => Just(Access::Execute),
    ]
}

fn wish() -> impl Strategy<Value = Wish> {
    let kind = prop_oneof![
        3 => Just(Kind::Immediate),
        6 => Just(Kind::Demand),
        6 => Just(Kind::Zero),
        1 => (0..1024_u16).prop_map(Kind::Device),
        1 => Just(Kind::Device(512)),
        1 => often_none().prop_map(Kind::TopDevice),
        1 => Just(Kind::Guard),
        1 => Just(Kind::Fixed),
    ];
    let page_size = prop_oneof![
        6 => Just(None),
        2 => Just(Some(LeafSize::Size4KiB)),
        4 => Just(Some(LeafSize::Size2MiB)),
        1 => Just(Some(LeafSize::Size1GiB)),
    ];
    let around = prop_oneof![
        9 => Just(1),
        6 => (1..10_u32).prop_map(|log| 1 << log),
        1 => 0..600_u16,
    ];
    let place = prop_oneof![
        4 => Just(Place::Anywhere),
        4 => (0..2048_u16).prop_map(Place::Arena),
        4 => (0..4_u16).prop_map(|block| Place::Arena(512 * block)),
        1 => (0..2048_u16, 0..2048_u16, 0..12_u8)
            .prop_map(|(from, pages, align)| Place::Within(from, pages, align)),
        4 => often_none().prop_map(Place::Top),
    ];
    let bytes = prop_oneof![
        1 => 0..3_u64,
        8 => pages().prop_map(|pages| u64::from(pages) * 4096),
    ];
    (
        kind,
        bytes,
        rights(),
        page_size,
        around,
        proptest::bool::weighted(0.15),
        place,
    )
        .prop_map(
            |(kind, bytes, rights, page_size, fault_around, user, place)| Wish {
                kind,
                bytes,
                rights,
                page_size,
                fault_around,
                user,
                place,
            },
        )
}
