//! Contiguous runs: where they lie, and how they go back.

use faultline_memory::frames::{FrameKind, RunError};

use crate::simulated::{frames_over, range};
use crate::{GIB, MIB, TIB};

#[test]
fn a_run_is_the_lowest_that_fits_alignment_and_bound() {
    let mut frames = frames_over(&[range(MIB, 2 * MIB), range(16 * MIB, 64 * MIB)]);
    let mut run = |count, align, below| {
        let run = frames.allocate_run(count, align, below, FrameKind::Kernel);
        run.map(|run| run.start().as_u64())
    };
    assert_eq!(run(3, 1, GIB), Ok(MIB));
    assert_eq!(run(1, 0x1_0000, GIB), Ok(MIB + 0x1_0000));
    assert_eq!(run(200, 0x1000, GIB), Ok(MIB + 0x1_1000));
    assert_eq!(run(300, 0x1000, GIB), Ok(16 * MIB));
    assert_eq!(run(4096, 32 * MIB, GIB), Ok(32 * MIB));
    assert_eq!(
        run(2, 0x1000, MIB + 0x4000),
        Err(RunError::NoRun { count: 2 })
    );
    assert_eq!(run(1, 0x1000, MIB + 0x4000), Ok(MIB + 0x3000));
    assert_eq!(run(0, 0x1000, GIB), Err(RunError::Empty));
    assert_eq!(
        run(1, 0x3000, GIB),
        Err(RunError::Alignment { align: 0x3000 })
    );
    assert_eq!(run(1, 0, GIB), Err(RunError::Alignment { align: 0 }));
    for (needed, align) in [(10_000, 1), (u64::MAX, 1 << 63)] {
        let refused = run(needed, align, GIB);
        assert!(matches!(refused, Err(RunError::OutOfFrames(short)) if short.needed == needed));
    }
    assert_eq!(run(1, 1 << 63, GIB), Err(RunError::NoRun { count: 1 }));
}

#[test]
fn a_run_never_bridges_a_gap_between_ranges() {
    let mut frames = frames_over(&[
        range(2 * MIB, 4 * MIB),
        range(8 * MIB, 10 * MIB),
        range(TIB, TIB + 2 * MIB),
    ]);
    assert_eq!(frames.largest_run(), 512);
    let run = frames.allocate_run(513, 1, 2 * TIB, FrameKind::Kernel);
    assert_eq!(run, Err(RunError::NoRun { count: 513 }));
}

#[test]
fn a_run_goes_back_whole_or_frame_by_frame() {
    let mut frames = frames_over(&[range(2 * MIB, 6 * MIB)]);
    let bound = GIB;
    let run = frames
        .allocate_run(700, 1, bound, FrameKind::Kernel)
        .expect("1,024 are free");
    assert_eq!(
        (run.frames(), run.range(), frames.counts().kernel),
        (700, range(2 * MIB, 2 * MIB + 700 * 4096), 700)
    );
    frames.free_run(run);
    assert_eq!((frames.counts().kernel, frames.free_2m_blocks()), (0, 2));
    let run = frames
        .allocate_run(700, 1, bound, FrameKind::Kernel)
        .expect("it came back");
    run.split().for_each(|frame| frames.free(frame));
    assert_eq!((frames.counts().kernel, frames.free_2m_blocks()), (0, 2));
}
