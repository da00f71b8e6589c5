//! The tops of the three worlds: 2^64, short of which the kernel half ends; 2^47,
//! where the low half ends and the hole begins; 2^52, where physical memory ends.
//! What ends there is mapped, used, named and freed as anything else.

use std::sync::atomic::Ordering::Relaxed;

use faultline_memory::frames::{Frame, FrameKind};
use faultline_memory::paging::{Cache, LeafSize};
use faultline_memory::space::{Backing, HALF, Placement, Request, Rights};
use faultline_memory::{KernelHalf, Outcome, Refusal};
use x86_64::structures::paging::PhysFrame;
use x86_64::{PhysAddr, VirtAddr};

use crate::common::machine::{FIXED_BASE, KERNEL_BASE, KERNEL_END, Machine, PHYSICAL_END};
use crate::common::operations::{BIG, Half, KERNEL, LOW, PAGE, at};

/// Bytes of the largest pages.
const HUGE: u64 = 512 * BIG;
/// The halves, and where the last region of each ends.
const ENDS: [(Half, u64); 2] = [(LOW, HALF), (KERNEL, KERNEL_END)];

/// A region that ends where its half does.
fn last(machine: &mut Machine, half: Half, end: u64, size: u64, backing: Backing) -> u64 {
    let request = Request::new(size, backing).placement(at(end - size));
    machine.allocate(half, request).base.as_u64()
}

#[test]
fn behind_the_last_region_there_is_none() {
    let mut machine = Machine::new();
    let base = 0xffff_ffff_fff0_0000;
    let request = Request::new(0xf_f000, Backing::Demand).placement(at(base));
    machine.allocate(KERNEL, request);
    for page in [0xe, 0xd] {
        let address = base + 0xf_0000 + page * PAGE;
        assert_eq!(machine.write(address, 7), Ok(()));
        assert_eq!(machine.outcome(), Some(Outcome::Demand));
    }
    for address in [u64::MAX, KERNEL_END, KERNEL_END + 8] {
        assert_eq!(machine.write(address, 7), Err(Refusal::NoRegion));
    }
    machine.check();
    assert_eq!(machine.counts().private, 2);
    assert_eq!(machine.free(KERNEL, base), 2);
}

#[test]
fn the_last_page_of_all_is_in_no_region() {
    let mut machine = Machine::new();
    for (base, size) in [(KERNEL_END, PAGE), (KERNEL_END - PAGE, 2 * PAGE)] {
        for backing in [Backing::Demand, Backing::Guard, Backing::Fixed] {
            let request = Request::new(size, backing).placement(at(base));
            let refused = machine.try_allocate(KERNEL, request);
            assert_eq!(
                refused.expect_err("the last page").to_string(),
                format!(
                    "{base:#x} and what follows does not lie in this half of the address space"
                )
            );
        }
    }
}

#[test]
fn the_lowest_place_that_fits_may_be_the_last_one() {
    for (half, end) in ENDS {
        let mut machine = Machine::new();
        let from = VirtAddr::new(end - 3 * PAGE);
        let anywhere = |pages, below| {
            let align = PAGE;
            let place = Placement::Within { from, below, align };
            Request::new(pages * PAGE, Backing::Demand).placement(place)
        };
        assert!(machine.try_allocate(half, anywhere(4, u64::MAX)).is_err());
        let bases = [u64::MAX, end, u64::MAX]
            .map(|below| machine.allocate(half, anywhere(1, below)).base.as_u64());
        assert_eq!(bases, [3, 2, 1].map(|pages| end - pages * PAGE));
        assert!(machine.try_allocate(half, anywhere(1, u64::MAX)).is_err());
    }
}

#[test]
fn the_last_pages_of_a_half_are_like_all_others() {
    for (half, end) in ENDS {
        for backing in [Backing::Demand, Backing::Zero, Backing::Immediate] {
            for around in [1, 512] {
                let mut machine = Machine::new();
                let before = machine.counts();
                let request = Request::new(700 * PAGE, backing).fault_around(around);
                machine.allocate(half, request.placement(at(end - 700 * PAGE)));
                for address in [end - PAGE, end - 1, end - 700 * PAGE] {
                    assert_eq!(machine.write(address, 3), Ok(()));
                    assert_eq!(machine.read(address), Ok(3));
                }
                machine.protect(half, end - PAGE, PAGE, Rights::Read);
                let refused = machine.write(end - 1, 4);
                assert!(matches!(refused, Err(Refusal::Protection(_))));
                machine.protect(half, end - PAGE, PAGE, Rights::ReadWrite);
                let (space, top) = (machine.half(half), VirtAddr::new(end - 1));
                assert_eq!(space.region_count(), 1);
                assert_eq!(space.region_at(top).map(|region| region.end()), Some(end));
                assert_eq!(space.region_above(top), None);
                let all = space.resident_between(VirtAddr::zero(), u64::MAX);
                assert_eq!(all.private + all.zero > 0, all.private >= 2);
                let leaves = space.leaves(VirtAddr::new(end - PAGE), u64::MAX);
                assert_eq!(leaves.count(), 1);
                machine.free(half, end - 700 * PAGE);
                assert_eq!(machine.counts(), before);
            }
        }
    }
}

#[test]
fn large_pages_reach_to_the_end_of_the_low_half() {
    for size in [LeafSize::Size2MiB, LeafSize::Size1GiB] {
        let mut machine = Machine::with_ranges(&[(0x10_0000, 3 << 30)]);
        for backing in [Backing::Demand, Backing::Immediate] {
            let request = Request::new(size.bytes(), backing).page_size(size);
            let request = request.placement(at(HALF - size.bytes()));
            machine.allocate(LOW, request);
            assert_eq!(machine.write(HALF - 1, 5), Ok(()));
            assert!(machine.leaf_size(LOW, HALF - 1) >= BIG);
            machine.protect(LOW, HALF - PAGE, PAGE, Rights::Read);
            assert_eq!(machine.leaf_size(LOW, HALF - 1), PAGE);
            assert_eq!(machine.read(HALF - 1), Ok(5));
            machine.free(LOW, HALF - size.bytes());
        }
    }
}

#[test]
fn a_range_across_the_end_of_a_half_names_the_address_behind_it() {
    for (half, end) in ENDS {
        let mut machine = Machine::new();
        let base = last(&mut machine, half, end, 3 * PAGE, Backing::Demand);
        let before = machine.counts();
        let expected = format!("no region holds {end:#x}");
        // The largest of them pass 2^64.
        for size in [4 * PAGE, 5 * PAGE, HALF, PAGE.wrapping_neg()] {
            let start = VirtAddr::new(base);
            let words = [
                machine.with(half, |space, memory| {
                    let rights = Rights::Read;
                    let refused = space.protect(start, size, rights, memory);
                    refused.expect_err("protect").to_string()
                }),
                machine.with(half, |space, memory| {
                    let refused = space.discard(start, size, memory);
                    refused.expect_err("discard").to_string()
                }),
                machine.with(half, |space, memory| {
                    let refused = space.reserve(start, size, memory);
                    refused.expect_err("reserve").to_string()
                }),
                machine.with(half, |space, memory| {
                    let refused = space.unreserve(start, size, memory);
                    refused.expect_err("unreserve").to_string()
                }),
            ];
            assert_eq!(words, [(); 4].map(|()| expected.clone()), "{size:#x}");
        }
        machine.check();
        assert_eq!(machine.counts(), before);
    }
}

#[test]
fn bytes_across_the_end_of_a_half_stop_there() {
    for (half, end) in ENDS {
        let mut machine = Machine::new();
        last(&mut machine, half, end, 2 * PAGE, Backing::Demand);
        let from = VirtAddr::new(end - PAGE - 3);
        let mut bytes = vec![9; 3 * PAGE as usize];
        let expected = format!("{end:#x}: outside this half of the address space");
        let refused = machine.with(half, |space, memory| space.write(from, &bytes, memory));
        assert_eq!(refused.expect_err("write").to_string(), expected);
        let refused = machine.with(half, |space, memory| space.read(from, &mut bytes, memory));
        assert_eq!(refused.expect_err("read").to_string(), expected);
        assert_eq!(machine.read(end - 1), Ok(9), "all before it was written");
        assert_eq!(machine.counts().private, 2);
        machine.check();
    }
}

#[test]
fn device_memory_may_end_where_physical_memory_does() {
    for (half, base) in [(LOW, HUGE), (KERNEL, KERNEL_BASE)] {
        for size in [PAGE, 5 * PAGE, BIG, BIG + 3 * PAGE, HUGE, 2 * HUGE] {
            for wanted in [None, Some(LeafSize::Size4KiB)] {
                if wanted.is_some() && size > HUGE {
                    continue;
                }
                let mut machine = Machine::new();
                let before = machine.counts();
                let start = PHYSICAL_END - size;
                let device = Backing::Device(PhysAddr::new(start), Cache::Uncached);
                let request = Request::new(size, device).placement(at(base));
                let request = wanted.map_or(request, |wanted| request.page_size(wanted));
                machine.allocate(half, request);
                let physical = |machine: &mut Machine, address| {
                    machine.access(0, address, faultline_memory::Access::Read, false)
                };
                assert_eq!(physical(&mut machine, base), Ok(start));
                let last = base + size - 1;
                assert_eq!(physical(&mut machine, last), Ok(PHYSICAL_END - 1));
                assert_eq!(machine.memory.borrowed(), size / PAGE);
                machine.protect(half, base + size - PAGE, PAGE, Rights::Read);
                assert_eq!(physical(&mut machine, last), Ok(PHYSICAL_END - 1));
                let region = machine.half(half).region_at(VirtAddr::new(last));
                let end = PhysAddr::new(PHYSICAL_END - PAGE);
                let backing = region.map(|region| region.backing);
                assert_eq!(backing, Some(Backing::Device(end, Cache::Uncached)));
                machine.protect(half, base + size - PAGE, PAGE, Rights::ReadWrite);
                let resident = machine
                    .half(half)
                    .resident_between(VirtAddr::new(base), last + 1);
                assert_eq!(resident.borrowed, size / PAGE);
                machine.free(half, base);
                assert_eq!(machine.memory.borrowed(), 0);
                assert_eq!(machine.counts(), before);
            }
        }
    }
}

#[test]
fn a_device_may_end_where_physical_memory_and_its_half_do() {
    for (half, end) in ENDS {
        let mut machine = Machine::new();
        let start = PhysAddr::new(PHYSICAL_END - 3 * PAGE);
        let device = Backing::Device(start, Cache::Uncached);
        let base = last(&mut machine, half, end, 3 * PAGE, device);
        assert_eq!(
            machine
                .half(half)
                .translate(VirtAddr::new(end - 1))
                .map(PhysAddr::as_u64),
            Some(PHYSICAL_END - 1)
        );
        machine.free(half, base);
        assert_eq!(machine.memory.borrowed(), 0);
    }
}

#[test]
fn device_memory_past_the_end_of_physical_memory_is_refused() {
    let mut machine = Machine::new();
    for (start, size) in [
        (PHYSICAL_END - PAGE, 2 * PAGE),
        (PHYSICAL_END - BIG, BIG + 1),
        (PHYSICAL_END - PAGE, HALF),
    ] {
        let device = Backing::Device(PhysAddr::new(start), Cache::Uncached);
        let refused = machine.try_allocate(LOW, Request::new(size, device));
        let words = refused.expect_err("it is not there").to_string();
        assert!(
            words.ends_with("or past the processor's physical addresses"),
            "{words}"
        );
    }
}

#[test]
fn what_is_mapped_for_ever_may_end_where_physical_memory_does() {
    for size in [PAGE, BIG + 3 * PAGE, HUGE] {
        let mut machine = Machine::new();
        let start = PhysAddr::new(PHYSICAL_END - size);
        let fixed = Request::new(size, Backing::Fixed).placement(at(FIXED_BASE));
        // SAFETY: no memory is there, and nobody touches it.
        let mapped = unsafe { machine.kernel.map_fixed(fixed, start, &machine.memory) };
        assert_eq!(mapped.map(|region| region.size), Ok(size));
        machine.check();
        let last = machine
            .kernel
            .translate(VirtAddr::new(FIXED_BASE + size - 1));
        assert_eq!(last.map(PhysAddr::as_u64), Some(PHYSICAL_END - 1));
    }
}

#[test]
fn what_is_mapped_for_ever_ends_in_the_kernel_half() {
    let mut machine = Machine::new();
    let start = PhysAddr::new(PHYSICAL_END - HUGE);
    for (base, size) in [(HALF - PAGE, 2 * PAGE), (KERNEL_END - PAGE, 2 * PAGE)] {
        let fixed = Request::new(size, Backing::Fixed).placement(at(base));
        // SAFETY: nothing is mapped.
        let refused = unsafe { machine.kernel.map_fixed(fixed, start, &machine.memory) };
        assert_eq!(
            refused.expect_err("it does not fit").to_string(),
            format!("{base:#x} and what follows does not lie in this half of the address space")
        );
    }
    machine.check();
}

#[test]
fn a_leaf_of_somebody_elses_may_hold_the_last_page_of_all() {
    const LEAF: u64 = 0x83 | 0x60; // present, writable, large, accessed, dirty
    let machine = Machine::new();
    let [root, table] = [(); 2].map(|()| {
        let frame: Frame = machine
            .memory
            .allocate_frame(FrameKind::Kernel)
            .expect("8 MiB are free");
        let start = frame.start();
        (0..512).for_each(|index| {
            let entry = machine.bytes.entry(start.as_u64() + 8 * index);
            entry.store(0, Relaxed);
        });
        start
    });
    let set = |table: PhysAddr, value| {
        let last = machine.bytes.entry(table.as_u64() + 8 * 511);
        last.store(value, Relaxed);
    };
    set(root, table.as_u64() | 0x23);
    set(table, (PHYSICAL_END - HUGE) | LEAF);
    let root = PhysFrame::containing_address(root);
    // SAFETY: the tables stay, and nobody else edits them; no other half is used.
    let half = unsafe { KernelHalf::adopt(root, 320..321, &machine.memory) };
    let half = half.expect("an empty slot, and a frame for its table");
    let all = || half.leaves(VirtAddr::new(KERNEL_BASE), u64::MAX);
    let page = VirtAddr::new(HUGE.wrapping_neg());
    assert_eq!(all().map(|leaf| leaf.page).collect::<Vec<_>>(), [page]);
    // Of the last page a byte is not below the bound.
    let resident = half.resident_between(VirtAddr::new(KERNEL_BASE), u64::MAX);
    assert_eq!(resident.private, HUGE / PAGE - 1);
    let last = half.translate(VirtAddr::new(u64::MAX));
    assert_eq!(last.map(PhysAddr::as_u64), Some(PHYSICAL_END - 1));
    assert_eq!(half.walk(VirtAddr::new(u64::MAX)).physical(), last);
}
