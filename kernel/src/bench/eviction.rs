//! What it costs to let a page go, and to bring it back, besides the disk: what is
//! written and read here is nothing.

use core::convert::Infallible;

use alloc::vec::Vec;
use memory::policy::{Clock, Fifo, Policy};
use memory::space::{Backing, Eviction, Hand, Region, Request};

use super::faults::small_pages;
use super::place::{Low, PAGE, make_tables, page, with_region, write};
use super::{Bench, SAMPLES};
use crate::console::input::Cancelled;
use crate::spaces;

/// Laps that are measured.
const LAPS: usize = 8;

/// Evictions, pages that come back, and pages that the hand passes. The machine has no
/// swap disk.
pub(super) fn run(bench: &Bench) -> Result<(), Cancelled> {
    let memory = spaces::memory();
    let before = memory.slots().total;
    let slots = 2 * SAMPLES as u64;
    memory.set_slots(slots).expect("no page is in a slot");
    let request = Request::new((SAMPLES as u64 + 8) * PAGE, Backing::Demand);
    let result = with_region(request, |region| {
        make_tables(region);
        small_pages(region).for_each(write);
        laps(bench, region);
        go_and_come_back(bench, region)
    });
    memory.set_slots(before).expect("the region is gone");
    result
}

fn go_and_come_back(bench: &Bench, region: &Region) -> Result<(), Cancelled> {
    let mut hand = Hand::default();
    bench.report("eviction besides the disk", 0..SAMPLES / 2, |_| {
        evict(&mut hand, &mut Fifo);
    })?;
    let pages: Vec<Low> = small_pages(region).take(SAMPLES / 4).collect();
    bench.report("swap-in besides the disk", pages.iter(), |page| {
        spaces::current(|space, memory| {
            let read = |_, _: &mut [u8; 4096]| Ok::<_, Infallible>(());
            let _ = space.swap_in(page.address(), memory, read);
        });
    })?;
    let mut hand = Hand::default();
    bench.report(
        "eviction of a page that its slot holds",
        0..SAMPLES / 4,
        |_| {
            evict(&mut hand, &mut Fifo);
        },
    )
}

/// Laps over pages that were all accessed since the last one.
fn laps(bench: &Bench, region: &Region) {
    let mut costs = Vec::new();
    let pages = region.size / PAGE;
    for _ in 0..LAPS {
        let mut hand = Hand::default();
        (0..pages as usize).for_each(|index| write(page(region, index)));
        costs.push(bench.time(|| {
            let evicted = evict(&mut hand, &mut Clock);
            assert!(matches!(evicted, Eviction::EndOfLap { .. }));
        }));
    }
    bench.print("entry passed by the hand", costs, pages);
}

#[inline(always)]
fn evict<P: Policy>(hand: &mut Hand, policy: &mut P) -> Eviction {
    let write = |_, _: &[u8; 4096]| Ok::<_, Infallible>(());
    let evicted = spaces::current(|space, memory| space.evict(hand, policy, memory, write));
    evicted.expect("there are slots enough")
}
