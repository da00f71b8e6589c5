//! Random operations on the frame allocator beside a plain set of frames:
//! results, errors, counters and states agree after every step. It is part of
//! the crate (`frames::tests`), since reserved frames are.

extern crate std;

mod compare;
mod model;
mod step;

use proptest::prelude::*;

use self::model::{Model, Owned};
use self::step::any_step;
use super::{frames_over, range};
use crate::memory_map::{Kind, MapEntry};

/// A machine with ragged, adjoining and far-apart ranges, two of the loader's,
/// and one up to the last frame there can be.
fn machine() -> [MapEntry; 7] {
    let entry = |start, end, kind| MapEntry {
        range: range(start, end),
        kind,
    };
    [
        entry(0x10_0000, 0x1a_3000, Kind::Usable),
        entry(0x1a_3000, 0x1c_0000, Kind::Reclaimable), // in the block of its neighbours
        entry(0x1c_0000, 0x82_1000, Kind::Usable),
        entry(0x4000_0000, 0x4040_0000, Kind::Usable),
        entry(0xff_ffff_d000, 0x100_0020_5000, Kind::Usable), // both sides of 1 TiB
        entry(0x100_0040_0000, 0x100_0040_8000, Kind::Reclaimable),
        entry((1 << 52) - 0x20_3000, 1 << 52, Kind::Usable),
    ]
}

proptest! {
    #[test]
    fn random_operations_agree_with_a_set_of_frames(steps in proptest::collection::vec(any_step(), 1..60)) {
        let mut model = Model::new();
        model.check();
        for step in steps {
            model.run(step);
            model.check();
        }
        // Everything comes back, and in one piece.
        model.frames.set_limit(None);
        model.withheld = 0;
        model.frames.unreserve(model.kept_back);
        model.kept_back = 0;
        while let Some(owned) = model.give_up(0) {
            match owned {
                Owned::Small(frame) => model.frames.free(frame),
                Owned::Large(frame) => model.frames.free(frame),
                Owned::Row(run) => model.frames.free_run(run),
            }
        }
        model.check();
    }
}
