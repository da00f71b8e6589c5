//! The random operations, and how likely each is.

extern crate std;

use std::vec;

use proptest::prelude::*;

use crate::frames::FrameKind;

const KINDS: [FrameKind; 5] = [
    FrameKind::Table,
    FrameKind::Kernel,
    FrameKind::Private,
    FrameKind::Shared,
    FrameKind::Zero,
];

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Allocate {
        count: u16,
        kind: FrameKind,
    },
    Allocate2M {
        kind: FrameKind,
    },
    Allocate1G {
        kind: FrameKind,
    },
    AllocateRun {
        count: u64,
        align: u64,
        below: u64,
        kind: FrameKind,
    },
    Free {
        which: usize,
        count: u16,
    },
    FreeRaw {
        which: usize,
    },
    Split {
        which: usize,
    },
    Reclassify {
        which: usize,
        kind: FrameKind,
    },
    AllocateAt {
        start: u64,
        frames: u64,
        kind: FrameKind,
    },
    Limit(Option<u64>),
    Reserve(u64),
    Unreserve(u64),
    TakeReserved {
        count: u16,
        kind: FrameKind,
    },
    Reclaim {
        start: u64,
        frames: u64,
    },
    WrongFree {
        frame: u64,
        offset: u64,
        kind: FrameKind,
    },
}

pub(crate) fn any_step() -> impl Strategy<Value = Step> {
    let kind = || proptest::sample::select(KINDS.to_vec());
    let which = any::<usize>;
    let count = prop_oneof![3 => 1..4_u16, 2 => 1..100_u16, 1 => 400..1200_u16];
    let free_count = prop_oneof![3 => 1..4_u16, 2 => 1..100_u16, 1 => 400..1200_u16];
    let run = (
        prop_oneof![1..20_u64, 1..1100_u64],
        0..23_u32,
        prop_oneof![0..0x900_u64, Just(1 << 40)],
        kind(),
    );
    let chosen = (
        prop_oneof![2 => 0xf0..0x900_u64, 1 => (1_u64 << 40) - 0x210..1 << 40, 1 => Just(0xfff_fffd)],
        prop_oneof![1..4_u64, 0..700_u64],
        kind(),
    );
    let wrong = (
        prop_oneof![
            0..0x900_u64,
            Just(0x3_ffff),
            0xfff_fff0..0x1000_0500_u64,
            (1_u64 << 40) - 0x210..1 << 40
        ],
        prop_oneof![9 => Just(0), 1 => 1..4096_u64],
        kind(),
    );
    prop_oneof![
        8 => (count, kind()).prop_map(|(count, kind)| Step::Allocate { count, kind }),
        3 => kind().prop_map(|kind| Step::Allocate2M { kind }),
        1 => kind().prop_map(|kind| Step::Allocate1G { kind }),
        4 => run.prop_map(|(count, align, below, kind)| Step::AllocateRun {
            count, align: 1 << align, below: below << 12, kind }),
        10 => (which(), free_count).prop_map(|(which, count)| Step::Free { which, count }),
        3 => which().prop_map(|which| Step::FreeRaw { which }),
        2 => which().prop_map(|which| Step::Split { which }),
        1 => (which(), kind()).prop_map(|(which, kind)| Step::Reclassify { which, kind }),
        4 => chosen.prop_map(|(start, frames, kind)| Step::AllocateAt { start, frames, kind }),
        1 => proptest::option::of(0..3000_u64).prop_map(Step::Limit),
        2 => prop_oneof![3 => 1..100_u64, 1 => 0..9000_u64].prop_map(Step::Reserve),
        1 => (0..200_u64).prop_map(Step::Unreserve),
        2 => (1..50_u16, kind()).prop_map(|(count, kind)| Step::TakeReserved { count, kind }),
        1 => (prop_oneof![0x190..0x1d0_u64, 0x1000_03f0..0x1000_0410_u64], 0..20_u64)
            .prop_map(|(start, frames)| Step::Reclaim { start, frames }),
        3 => wrong.prop_map(|(frame, offset, kind)| Step::WrongFree { frame, offset, kind }),
    ]
}
