//! A pool beside a list of what is in it, through every way to fill and empty slabs.
#![allow(unsafe_code, reason = "host memory stands in for physical memory")]

extern crate std;

use std::collections::{BTreeMap, BTreeSet};
use std::vec;
use std::vec::Vec;

use x86_64::VirtAddr;

use super::*;
use crate::frames::Layout;
use crate::memory_map::FrameRange;

/// A record that fills a quarter of a slab, so that three fit behind the header.
type Record = [u64; 128];
const SLOTS: usize = 3;
const FRAMES: u64 = 16;

#[repr(align(4096))]
struct Page(#[allow(dead_code, reason = "memory, not a value")] [u8; 4096]);

/// The frames 1 to 16 of memory that is ours, and a pool over it.
fn pool() -> (Frames<'static>, Pool<Record>) {
    let memory = Vec::leak((0..=FRAMES).map(|_| Page([0; 4096])).collect());
    let offset = VirtAddr::from_ptr(memory.as_mut_ptr());
    // SAFETY: the memory lasts, and only the pool uses it.
    let direct_map = unsafe { DirectMap::new(offset) };
    let range = FrameRange::new(PhysAddr::new(4096), (FRAMES + 1) * 4096);
    let storage = vec![0; Layout::of([range].into_iter()).words()].leak();
    // SAFETY: the memory is ours, and the storage lies elsewhere.
    let frames = unsafe { Frames::new([range].into_iter(), storage, FrameRange::empty()) };
    (frames.expect("one range"), Pool::new(direct_map))
}

#[test]
fn records_come_and_go_in_any_order_and_slabs_with_the_last_of_them() {
    assert_eq!(Pool::<Record>::SLOTS, SLOTS);
    let (mut frames, mut pool) = pool();
    let mut live: Vec<(Handle<Record>, u64)> = Vec::new();
    let mut chance = 0x2545_f491_4f6c_dd1d_u64;
    for step in 0..20_000_u64 {
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        // Filling and emptying in turn, with some of the other in between.
        let fills = chance >> 40 & 3 != 0;
        let slabs = |live: &[(Handle<Record>, u64)]| {
            let mut slabs = BTreeMap::<u64, usize>::new();
            for (handle, _) in live {
                *slabs.entry(handle.slab()).or_default() += 1;
            }
            slabs
        };
        let before = slabs(&live);
        if fills == (step / 64 % 2 == 0) {
            let has_room = before.values().any(|&records| records < SLOTS);
            let full = before.len() as u64 == FRAMES && !has_room;
            match pool.insert(&mut frames, [step; 128]) {
                Ok(handle) => live.push((handle, step)),
                Err(OutOfFrames) => assert!(full, "{step}"),
            }
            let new = usize::from(!has_room && !full);
            assert_eq!(slabs(&live).len(), before.len() + new, "{step}");
        } else if !live.is_empty() {
            let index = (chance >> 32) as usize % live.len();
            let (handle, value) = live.swap_remove(index);
            assert_eq!(pool.remove(&mut frames, handle), [value; 128]);
        }
        let now = slabs(&live);
        let addresses: BTreeSet<u64> = live.iter().map(|(handle, _)| handle.0.get()).collect();
        assert_eq!(addresses.len(), live.len(), "{step}");
        assert_eq!(pool.frames(), now.len() as u64, "{step}");
        assert_eq!(frames.counts().kernel, now.len() as u64, "{step}");
        for (handle, value) in &live {
            assert_eq!(pool.get(*handle), &[*value; 128], "{step}");
            assert_eq!(pool.records_beside(*handle), now[&handle.slab()] as u64);
        }
    }
}
