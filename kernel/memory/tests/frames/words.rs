//! What people read: each refusal says what was wrong, and an owned frame tells
//! what it is when a test prints it.

use faultline_memory::frames::{
    AllocateAtError, FrameKind, FreeError, NewError, OutOfFrames, ReclaimError, RunError, Shortage,
};
use faultline_memory::paging::LeafSize;
use x86_64::PhysAddr;

use crate::simulated::{frames_over, range};
use crate::{GIB, MIB, large, small};

const PLACE: PhysAddr = PhysAddr::new(0x12_3000);

#[test]
fn an_allocator_that_cannot_start_says_what_it_needs() {
    let short = NewError::StorageTooShort {
        needed: 70,
        given: 7,
    };
    let text = "the frame bitmap needs 70 words of storage and was given 7";
    assert_eq!(short.to_string(), text);
    let short = NewError::StorageTooShort {
        needed: 1,
        given: 0,
    };
    assert!(short.to_string().contains("needs 1 word of storage"));
    let text = NewError::NotSorted { start: PLACE }.to_string();
    assert!(text.contains("0x123000 starts before") && text.contains("sort"));
}

#[test]
fn an_allocation_that_is_refused_says_what_is_missing() {
    let out = OutOfFrames.to_string();
    assert!(out.starts_with("no frame of this size may be"), "{out}");
    let words = |needed, available| {
        let shortage = Shortage { needed, available };
        assert_eq!(
            RunError::OutOfFrames(shortage).to_string(),
            format!("the run {shortage}")
        );
        shortage.to_string()
    };
    let right = "may be handed out: free some memory, or raise the limit";
    assert_eq!(words(1, 0), format!("needs 1 frame, and 0 {right}"));
    assert_eq!(words(7, 2), format!("needs 7 frames, and 2 {right}"));
    let empty = RunError::Empty.to_string();
    assert_eq!(empty, "a run of frames holds at least one frame");
    let align = RunError::Alignment { align: 0x3000 }.to_string();
    assert_eq!(align, "an alignment is a power of two, and 0x3000 is none");
    let row = RunError::NoRun { count: 512 }.to_string();
    assert_eq!(
        row,
        "no row of 512 free frames has this alignment and bound"
    );
    let row = RunError::NoRun { count: 1 }.to_string();
    assert_eq!(row, "no row of 1 free frame has this alignment and bound");
}

#[test]
fn a_chosen_range_that_is_refused_says_why() {
    let texts = [
        AllocateAtError::Empty.to_string(),
        AllocateAtError::NotManaged { frame: PLACE }.to_string(),
        AllocateAtError::InUse { frame: PLACE }.to_string(),
        AllocateAtError::Reserved { frame: PLACE }.to_string(),
        AllocateAtError::OutOfFrames { available: 7 }.to_string(),
    ];
    let expected = [
        "a run of frames holds at least one frame",
        "the frame at 0x123000 is not in the memory map",
        "the frame at 0x123000 is in use",
        "the frame at 0x123000 is reserved",
        "the frames are free, but only 7 may be handed out: raise the limit",
    ];
    assert_eq!(texts, expected);
}

#[test]
fn a_free_that_is_refused_names_the_frame() {
    let texts = [
        FreeError::Misaligned { start: PLACE }.to_string(),
        FreeError::Foreign { frame: PLACE }.to_string(),
        FreeError::NotAllocated { frame: PLACE }.to_string(),
        ReclaimError::NotReclaimable { frame: PLACE }.to_string(),
    ];
    let says = ["starts at", "not one that", "free already", "boot loader"];
    for (text, words) in texts.iter().zip(says) {
        assert!(text.contains("0x123000") && text.contains(words), "{text}");
    }
    let wrong = FreeError::WrongKind {
        kind: FrameKind::Table,
    }
    .to_string();
    assert_eq!(wrong, "fewer frames are in use as Table");
}

#[test]
fn what_is_owned_tells_its_address_size_and_kind() {
    let mut frames = frames_over(&[range(2 * MIB, 8 * MIB)]);
    let page = small(&mut frames);
    assert_eq!(format!("{page:?}"), "Frame<4KiB>(0x200000, Private)");
    let block = large(&mut frames);
    assert_eq!(format!("{block:?}"), "Frame<2MiB>(0x400000, Private)");
    let run = frames.allocate_run(2, 1, GIB, FrameKind::Kernel);
    let run = format!("{:?}", run.expect("two are free"));
    assert!(run.starts_with("Run(0x201000..0x203000") && run.ends_with(", Kernel)"));
    let all = format!("{frames:?}");
    assert!(
        all.starts_with("Frames(Counts {") && all.contains("total: 1536,"),
        "{all}"
    );
}

#[test]
fn sizes_of_leaves_are_told_as_people_write_them() {
    let sizes = [LeafSize::Size4KiB, LeafSize::Size2MiB, LeafSize::Size1GiB];
    assert_eq!(sizes.map(|size| size.to_string()), ["4K", "2M", "1G"]);
    let smaller = sizes.map(|size| size.smaller());
    assert_eq!(smaller, [None, Some(sizes[0]), Some(sizes[1])]);
}
