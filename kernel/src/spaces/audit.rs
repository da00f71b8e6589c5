//! The audit of the live machine: every table, leaf, record and counter.

use memory::Space;
use memory::audit::{Audit, Broken, Report};
use memory::space::{AllocateError, Backing, Region, Request};

use super::{current, kernel_half, parked};
use crate::physical;

/// Why there is no report.
#[derive(Debug)]
pub enum AuditError {
    /// There is no memory for the audit's notes: half a byte for each frame.
    Memory(AllocateError),
    /// An invariant is broken.
    Broken(Broken),
}

/// Audits all of memory: the kernel half, the space that is loaded, those that are
/// parked, and `others`, which are all that are in somebody's own hands.
///
/// # Errors
///
/// See [`AuditError`].
///
/// # Panics
///
/// Before [`init`](super::init).
pub fn audit<'a>(
    others: impl IntoIterator<Item = &'a Space, IntoIter: Clone>,
) -> Result<Report, AuditError> {
    let others = others.into_iter();
    let words = kernel_half(|kernel, memory| Audit::of(kernel, memory).words());
    let notes = notes(words)?;
    // SAFETY: the region is immediate, so that every page of it is mapped, and
    // nobody else knows of it; zeroes are words.
    let scratch = unsafe { core::slice::from_raw_parts_mut(notes.base.as_mut_ptr(), words) };
    let result = parked::with_all(|parked| {
        current(|current, _| {
            kernel_half(|kernel, memory| {
                #[expect(clippy::map_identity, reason = "it makes the lifetimes the same")]
                let others = others.clone().map(|other| other);
                let kept = parked.spaces().chain(others);
                let spaces = core::iter::once(&*current).chain(kept);
                Audit::of(kernel, memory)
                    .held(physical::kept_frames())
                    .run(spaces, scratch)
            })
        })
    });
    // SAFETY: `scratch` is not used any more, and nobody else knows the region.
    kernel_half(|kernel, memory| unsafe { kernel.free(notes.base, memory) })
        .expect("the notes are the audit's own");
    result.map_err(AuditError::Broken)
}

/// A region for the audit's notes.
fn notes(words: usize) -> Result<Region, AuditError> {
    let request = Request::new(words as u64 * 8, Backing::Immediate).label("notes of the audit");
    kernel_half(|kernel, memory| kernel.allocate(request, memory)).map_err(AuditError::Memory)
}
