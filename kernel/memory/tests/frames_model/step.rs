//! The random operations, and how likely each is.

use memory::frames::Use;
use proptest::prelude::*;

const USES: [Use; 5] = [
    Use::Table,
    Use::Kernel,
    Use::Private,
    Use::Shared,
    Use::Zero,
];

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Allocate {
        count: u16,
        usage: Use,
    },
    Allocate2M {
        usage: Use,
    },
    Allocate1G {
        usage: Use,
    },
    AllocateRun {
        count: u64,
        align: u64,
        below: u64,
        usage: Use,
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
        usage: Use,
    },
    Limit(Option<u64>),
    Reclaim {
        start: u64,
        frames: u64,
    },
    WrongFree {
        frame: u64,
        offset: u64,
        usage: Use,
    },
}

pub(crate) fn any_step() -> impl Strategy<Value = Step> {
    let usage = || proptest::sample::select(USES.to_vec());
    let which = any::<usize>;
    let count = prop_oneof![3 => 1..4_u16, 2 => 1..100_u16, 1 => 400..1200_u16];
    let free_count = prop_oneof![3 => 1..4_u16, 2 => 1..100_u16, 1 => 400..1200_u16];
    let run = (
        prop_oneof![1..20_u64, 1..1100_u64],
        0..23_u32,
        prop_oneof![0..0x900_u64, Just((1_u64 << 40) - 1)],
        usage(),
    );
    let wrong = (
        prop_oneof![0..0x900_u64, Just(0x3_ffff), 0xfff_fff0..0x1000_0500_u64],
        prop_oneof![9 => Just(0), 1 => 1..4096_u64],
        usage(),
    );
    prop_oneof![
        8 => (count, usage()).prop_map(|(count, usage)| Step::Allocate { count, usage }),
        3 => usage().prop_map(|usage| Step::Allocate2M { usage }),
        1 => usage().prop_map(|usage| Step::Allocate1G { usage }),
        4 => run.prop_map(|(count, align, below, usage)| Step::AllocateRun {
            count, align: 1 << align, below: below << 12, usage }),
        10 => (which(), free_count).prop_map(|(which, count)| Step::Free { which, count }),
        3 => which().prop_map(|which| Step::FreeRaw { which }),
        2 => which().prop_map(|which| Step::Split { which }),
        1 => (which(), usage()).prop_map(|(which, usage)| Step::Reclassify { which, usage }),
        1 => proptest::option::of(0..3000_u64).prop_map(Step::Limit),
        1 => (prop_oneof![0x190..0x1d0_u64, 0x1000_03f0..0x1000_0410_u64], 0..20_u64)
            .prop_map(|(start, frames)| Step::Reclaim { start, frames }),
        3 => wrong.prop_map(|(frame, offset, usage)| Step::WrongFree { frame, offset, usage }),
    ]
}
