//! The last frames below 2^52: managed, counted, handed out and taken back like
//! any others, though their end is no physical address.

use faultline_memory::frames::{Frame, FrameKind, Layout, State};
use faultline_memory::memory_map::{Kind, MapEntry, MemoryMap, Region};
use x86_64::PhysAddr;
use x86_64::structures::paging::{Size1GiB, Size2MiB, Size4KiB};

use crate::simulated::{frames_over, range};
use crate::{GIB, MIB, large, reclaim, small};

const TOP: u64 = 1 << 52;

#[test]
fn a_map_up_to_the_top_is_managed_to_its_last_frame() {
    let region = Region {
        start: TOP - 4 * MIB,
        end: u64::MAX,
        kind: Kind::Usable,
    };
    let map: Vec<MapEntry> = MemoryMap::new([region]).managed().collect();
    let mut frames = frames_over(&map);
    assert_eq!((frames.counts().total, frames.largest_run()), (1024, 1024));
    assert!(frames.manages_any(TOP - 1, TOP) && !frames.manages_any(TOP, u64::MAX));
    let last = PhysAddr::new(TOP - 1);
    assert_eq!(frames.state_of(last), Some(State::Free));
    let all: Vec<Frame> = (0..1024).map(|_| small(&mut frames)).collect();
    assert_eq!(frames.state_of(last), Some(State::Used));
    assert_eq!(all[1023].start().as_u64(), TOP - 0x1000);
    assert!(frames.allocate::<Size4KiB>(FrameKind::Private).is_err());
    all.into_iter().for_each(|frame| frames.free(frame));
    assert_eq!((frames.counts().used, frames.counts().refused), (0, 0));
    let states: Vec<_> = frames.states().collect();
    assert_eq!(states, [(range(TOP - 4 * MIB, TOP), State::Free)]);
}

#[test]
fn large_frames_and_runs_reach_to_the_top() {
    let mut frames = frames_over(&[range(TOP - GIB, TOP)]);
    let giga: Frame<Size1GiB> = frames.allocate(FrameKind::Shared).expect("1 GiB");
    assert_eq!(giga.start().as_u64(), TOP - GIB);
    let last = giga.split().last().expect("512 pieces");
    assert_eq!(last.start().as_u64(), TOP - 2 * MIB);
    let pieces: Vec<Frame> = last.split().collect();
    assert_eq!(pieces[511].start().as_u64(), TOP - 0x1000);
    pieces.into_iter().for_each(|frame| frames.free(frame));
    assert_eq!(frames.counts().free, 512);

    let run = frames.allocate_run(512, 1, u64::MAX, FrameKind::Kernel);
    let run = run.expect("2 MiB are free");
    assert_eq!(run.range(), range(TOP - 2 * MIB, TOP));
    assert!(frames.allocate::<Size2MiB>(FrameKind::Kernel).is_err());
    frames.free_run(run);
    let below = frames.allocate_run(512, 1, TOP - 0x1000, FrameKind::Kernel);
    assert!(below.is_err(), "the last frame lies above the bound");
    let block = large(&mut frames);
    frames.free(block);
    let run = frames.allocate_at(range(TOP - 0x1000, TOP), FrameKind::Kernel);
    let run = run.expect("it came back");
    assert_eq!(
        format!("{run:?}"),
        "Run(0xffffffffff000..0x10000000000000, Kernel)"
    );
    assert_eq!(run.split().count(), 1);
}

#[test]
fn the_storage_and_what_is_reclaimed_may_lie_at_the_top() {
    let entry = |start, end, kind| MapEntry {
        range: range(start, end),
        kind,
    };
    let usable = [entry(TOP - 8 * MIB, TOP, Kind::Usable)];
    let layout = Layout::of(usable.into_iter());
    let held = layout.place(usable.into_iter()).expect("8 MiB are enough");
    assert_eq!(held, range(TOP - 0x1000, TOP));
    let mut frames = frames_over(&[entry(TOP - 2 * MIB, TOP, Kind::Reclaimable)]);
    assert_eq!(reclaim(&mut frames, held), Ok(1));
    assert_eq!(small(&mut frames).start(), held.start());
    assert_eq!(frames.counts().reserved, 511);
}
