//! What the model of a heap is made to do: sizes and alignments as programs ask
//! for them, and a source that runs short or fails.

use proptest::prelude::*;

/// The largest block, in bytes.
pub(crate) const LARGEST: usize = 1_500_000;

/// One thing that is done to a heap, or to what stands behind it.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Allocate {
        size: usize,
        align: usize,
        zeroed: bool,
    },
    Free(usize),
    Resize {
        which: usize,
        size: usize,
    },
    Trim,
    /// So many frames more than are in use, or no limit.
    Limit(Option<usize>),
    /// So many calls of the source that succeed, or all of them.
    Calls(Option<usize>),
    Gap(bool),
}

fn any_size() -> impl Strategy<Value = usize> {
    prop_oneof![
        6 => 1..1100_usize,
        2 => 1000..9000_usize,
        2 => 8000..70_000_usize,
        1 => 60_000..LARGEST,
    ]
}

pub(crate) fn any_step() -> impl Strategy<Value = Step> {
    let align = prop_oneof![8 => 0..5_u32, 2 => 5..13_u32, 1 => 13..22_u32];
    prop_oneof![
        24 => (any_size(), align, any::<bool>()).prop_map(|(size, align, zeroed)| Step::Allocate {
            size,
            align: 1 << align,
            zeroed,
        }),
        18 => any::<usize>().prop_map(Step::Free),
        8 => (any::<usize>(), any_size()).prop_map(|(which, size)| Step::Resize { which, size }),
        2 => Just(Step::Trim),
        1 => Just(Step::Limit(None)),
        2 => (0..40_usize).prop_map(|left| Step::Limit(Some(left))),
        1 => (0..600_usize).prop_map(|left| Step::Limit(Some(left))),
        1 => proptest::option::of(0..12_usize).prop_map(Step::Calls),
        2 => any::<bool>().prop_map(Step::Gap),
    ]
}
