//! What commands answer of memory, in the words and fields that scripts read.
//!
//! The simulator's prompt has this file, too: nothing here knows where memory comes from,
//! nor takes anything from a heap.

use core::fmt;

use memory::audit::Report;
use memory::fault::Cause;
use memory::paging::{LeafSize, Walk, index_at, offset_in_page};
use memory::space::{Region, Resident, Rights};
use memory::{Memory, Outcome};
use x86_64::VirtAddr;

use super::output::Output;
use crate::account::unit::Address;
use crate::account::words::{self, Outcomes};

/// Bytes in one line of memory.
pub(super) const ROW: usize = 16;

/// What may be done with a region, in one word.
pub(crate) fn rights(region: &Region) -> &'static str {
    match region.allowed() {
        None | Some(Rights::NoAccess) => "none",
        Some(Rights::Read) => "r",
        Some(Rights::ReadWrite) => "rw",
        Some(Rights::ReadExecute) => "rx",
    }
}

/// A number, or `off` without one.
pub(super) struct OrOff(pub(super) Option<u64>);

impl fmt::Display for OrOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(number) => write!(f, "{number}"),
            None => f.write_str("off"),
        }
    }
}

/// The walk to an address.
pub(super) fn walk(address: VirtAddr, walk: &Walk, out: &mut Output<'_>) {
    let [level4, level3, level2, level1] = [4, 3, 2, 1].map(|level| index_at(address, level));
    out.facts(format_args!(
        "address={} level4={level4} level3={level3} level2={level2} level1={level1} offset={:#x}",
        Address::from(address),
        offset_in_page(address, LeafSize::Size4KiB)
    ));
    for step in walk.steps() {
        writeln!(out, "{step}");
    }
    match walk.physical() {
        Some(physical) => writeln!(out, "physical={}", Address::from(physical)),
        None => writeln!(out, "not mapped at level={}", walk.end().level),
    }
}

/// A region, and what of it is in memory.
pub(super) fn region(region: &Region, resident: Resident, out: &mut Output<'_>) {
    let (separator, quote) = match region.label {
        "" => ("", ""),
        _ => (" name=", "\""),
    };
    out.facts(format_args!(
        "region={} end={} rights={} backing={}\n  page={} resident={} shared={} zero={} borrowed={} swapped={} faults={}{separator}{quote}{}{quote}",
        Address::from(region.base),
        Address(region.end()),
        rights(region),
        region.backing,
        region.page_size,
        resident.private,
        resident.shared,
        resident.zero,
        resident.borrowed,
        resident.swapped,
        region.faults,
        region.label
    ));
}

/// The frames, by what they are used for.
pub(super) fn frames(memory: &Memory, out: &mut Output<'_>) {
    let borrowed = memory.borrowed();
    let (counts, largest_run, blocks) = memory.frames(|frames| {
        let (largest_run, blocks) = (frames.largest_run(), frames.free_2m_blocks());
        (frames.counts(), largest_run, blocks)
    });
    out.facts(format_args!(
        "total={} used={} free={} reserved={} tables={} kernel={}\n  private={} shared={} zero={}",
        counts.total,
        counts.used,
        counts.free,
        counts.reserved,
        counts.tables,
        counts.kernel,
        counts.private,
        counts.shared,
        counts.zero
    ));
    out.facts(format_args!(
        "limit={} borrowed={borrowed} largest_run={largest_run} free_2m={blocks}",
        OrOff(counts.limit)
    ));
}

/// The faults, by cause and by what became of them.
pub(super) fn faults(memory: &Memory, out: &mut Output<'_>) {
    const CAUSES: [Cause; 3] = [Cause::Absent, Cause::Protection, Cause::ReservedBit];
    let (all, causes, counts) = memory.fault_log(|log| {
        (
            log.faults(),
            CAUSES.map(|cause| log.count_by_cause(cause)),
            log.counts(),
        )
    });
    write!(out, "faults={all}");
    for (cause, count) in CAUSES.into_iter().zip(causes) {
        write!(out, " {}={count}", words::cause(cause));
    }
    writeln!(out);
    for refused in [false, true] {
        let is_shown = |outcome: Outcome, _| matches!(outcome, Outcome::Refused(_)) == refused;
        out.facts(format_args!("{}", Outcomes { counts, is_shown }));
    }
}

/// An audit that found nothing wrong.
pub(super) fn audit(report: &Report, out: &mut Output<'_>) {
    out.facts(format_args!(
        "audit=ok checks={} halves={} regions={} tables={}\n  private={} zero={} borrowed={} fixed={}",
        report.checks,
        report.halves,
        report.regions,
        report.tables,
        report.private,
        report.zero,
        report.borrowed,
        report.fixed
    ));
}

/// `0x10000  61 62 63 ...  abc...`: [`ROW`] bytes at most.
pub(super) fn bytes(place: u64, bytes: &[u8], out: &mut Output<'_>) {
    write!(out, "{} ", Address(place));
    for byte in bytes {
        write!(out, " {byte:02x}");
    }
    out.repeat("   ", ROW - bytes.len());
    write!(out, "  ");
    for byte in bytes {
        let is_visible = byte.is_ascii_graphic() || *byte == b' ';
        write!(out, "{}", if is_visible { char::from(*byte) } else { '.' });
    }
    writeln!(out);
}
