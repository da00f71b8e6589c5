//! Scripts of operations on objects, made at random. Objects, spaces and pages are
//! numbers that are counted round over what there is.

use faultline_memory::Access;
use faultline_memory::object::{ObjectKind, Sharing};
use faultline_memory::space::Rights;
use proptest::collection::vec;
use proptest::prelude::*;

/// One step of a script.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    Create(ObjectKind, u64),
    Release(usize),
    Resize(usize, u64),
    Provide(usize, u64),
    ReadObject(usize, u64),
    WriteObject(usize, u64, u8),
    Map(usize, Wish),
    Free(usize, u64),
    Access(usize, u64, Access, u8),
    Protect(usize, u64, u64, Rights),
    Discard(usize, u64, u64),
    /// So many pages of the space go, if so many can.
    Evict(usize, u64),
    Fork(usize),
    Destroy(usize),
    Limit(Option<u64>),
}

/// A region that is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    pub object: usize,
    /// Where, in pages from the start of a stretch that regions fight for.
    pub at: u64,
    pub pages: u64,
    pub offset: u64,
    pub sharing: Sharing,
    pub rights: Rights,
    pub fault_around: u16,
}

/// Pages of the stretch. The pages of steps are counted round over those that are
/// mapped; some are counted from the start of the stretch, mapped or not.
pub const STRETCH: u64 = 24;

pub fn script(most: usize) -> impl Strategy<Value = Vec<Step>> {
    vec(step(), 1..=most)
}

fn step() -> impl Strategy<Value = Step> {
    let number = || 0..8_usize;
    let page = || 0..4 * STRETCH;
    let kind = prop_oneof![Just(ObjectKind::SharedMemory), Just(ObjectKind::File)];
    let access = prop_oneof![
        3 => Just(Access::Read),
        4 => Just(Access::Write),
        1 => Just(Access::Execute)
    ];
    let target = || (number(), page(), 1..8_u64);
    prop_oneof![
        3 => (kind, 0..10_u64).prop_map(|(kind, pages)| Step::Create(kind, pages)),
        1 => number().prop_map(Step::Release),
        2 => (number(), 0..10_u64).prop_map(|(object, pages)| Step::Resize(object, pages)),
        2 => (number(), 0..10_u64).prop_map(|(object, page)| Step::Provide(object, page)),
        1 => (number(), 0..10_u64).prop_map(|(object, page)| Step::ReadObject(object, page)),
        2 => (number(), 0..10_u64, any::<u8>())
            .prop_map(|(object, page, byte)| Step::WriteObject(object, page, byte)),
        8 => (number(), wish()).prop_map(|(space, wish)| Step::Map(space, wish)),
        1 => (number(), page()).prop_map(|(space, page)| Step::Free(space, page)),
        24 => (number(), page(), access, any::<u8>())
            .prop_map(|(space, page, access, byte)| Step::Access(space, page, access, byte)),
        6 => (target(), rights()).prop_map(|((space, page, pages), rights)| {
            Step::Protect(space, page, pages, rights)
        }),
        3 => target().prop_map(|(space, page, pages)| Step::Discard(space, page, pages)),
        3 => (number(), 1..8_u64).prop_map(|(space, pages)| Step::Evict(space, pages)),
        4 => number().prop_map(Step::Fork),
        2 => number().prop_map(Step::Destroy),
        2 => proptest::option::of(0..12_u64).prop_map(Step::Limit),
    ]
}

fn wish() -> impl Strategy<Value = Wish> {
    let sharing = prop_oneof![Just(Sharing::Shared), Just(Sharing::Private)];
    let around = prop_oneof![3 => Just(1_u16), 1 => Just(4)];
    let place = (0..8_usize, 0..STRETCH, 1..8_u64, 0..4_u64);
    (place, sharing, rights(), around).prop_map(
        |((object, at, pages, offset), sharing, rights, fault_around)| Wish {
            object,
            at,
            pages,
            offset,
            sharing,
            rights,
            fault_around,
        },
    )
}

fn rights() -> impl Strategy<Value = Rights> {
    prop_oneof![
        2 => Just(Rights::Read),
        4 => Just(Rights::ReadWrite),
        1 => Just(Rights::NoAccess),
        1 => Just(Rights::ReadExecute)
    ]
}
