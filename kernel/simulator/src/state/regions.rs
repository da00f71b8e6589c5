//! The regions of a space, and what stands behind their pages.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use memory::paging::EntryKind;
use memory::space::{Content, Half, Region as Found};
use serde::Serialize;
use x86_64::VirtAddr;

use crate::monitor::answers::rights;

const PAGE: u64 = 4096;

/// A region.
#[derive(Clone, Debug, Serialize)]
pub struct Region {
    /// The first address.
    pub base: u64,
    /// The number behind the last.
    pub end: u64,
    /// Its backing, as at the prompt.
    pub backing: String,
    /// Its rights, as at the prompt.
    pub rights: &'static str,
    /// Faults in it that were resolved.
    pub faults: u64,
    /// Its pages of 4 KiB in order, as runs: what stands behind them (as in a
    /// [`Row`](super::tables::Row), or `absent`), and how many pages are alike.
    pub pages: Vec<(&'static str, u64)>,
}

/// All regions of a half, by address.
pub(crate) fn of(half: &Half) -> Vec<Region> {
    let region = |region: Found| Region {
        base: region.base.as_u64(),
        end: region.end(),
        backing: region.backing.to_string(),
        rights: rights(&region),
        faults: region.faults,
        pages: pages(half, &region),
    };
    half.regions().map(region).collect()
}

fn pages(half: &Half, region: &Found) -> Vec<(&'static str, u64)> {
    let mut runs = Vec::<(&'static str, u64)>::new();
    let mut add = |what, count| match runs.last_mut() {
        _ if count == 0 => {}
        Some((last, sum)) if *last == what => *sum += count,
        _ => runs.push((what, count)),
    };
    let mut next = region.base.as_u64();
    while next < region.end() {
        let (end, what) = beginning_at(half, next);
        let end = end.min(region.end());
        add(what, (end - next) / PAGE);
        next = end;
    }
    runs
}

/// What stands behind the page at an address, and where that which its entry spans ends.
fn beginning_at(half: &Half, address: u64) -> (u64, &'static str) {
    let last = half.walk(VirtAddr::new(address)).end();
    let span = crate::translation::span(last.level);
    let what = match last.entry.kind(last.level) {
        EntryKind::Leaf(..) => content(half, address),
        EntryKind::Reserved => "reserved",
        EntryKind::Swapped(_) => "swapped",
        EntryKind::Unused | EntryKind::Table(_) | EntryKind::Unknown(_) => "absent",
    };
    ((address & !(span - 1)) + span, what)
}

fn content(half: &Half, address: u64) -> &'static str {
    let leaf = half.leaves(VirtAddr::new(address), address + 1).next();
    match leaf.map(|leaf| leaf.content) {
        Some(Content::Zero(_)) => "zero",
        Some(Content::Shared(_) | Content::Object(_)) => "shared",
        _ => "private",
    }
}
