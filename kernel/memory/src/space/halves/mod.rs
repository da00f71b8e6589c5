//! The two kinds of half, and what is safe in which.
//!
//! ```text
//! level 4:   0 ........ 255 | 256 ............ slots ............ 511
//!            low half:      | image, direct map:   kernel regions:
//!            a space's own  | somebody else's      level 3 tables made here
//! ```
//!
//! No Rust value lives in a low half, so everything a [`Space`] does is safe. In
//! the [`KernelHalf`] Rust values live: whatever can pull memory from under a
//! reference, or show the same memory twice, is `unsafe` there.
//!
//! What must always hold: the level 4 entries of the kernel half are written
//! once, before the first space is made, and copied into every root; the level
//! 3 tables that they point to are never freed. Below them everything is
//! shared, so a change in the kernel half is seen by all spaces.

mod kernel;
mod low;
mod make;
mod ranges;
mod slots;

pub use kernel::KernelHalf;
pub use low::Space;
pub use make::KernelHalfError;

use core::ops::Deref;

use x86_64::VirtAddr;

use super::{AllocateError, Half, Region, Request, ReserveError};
use crate::fault::{Fault, Outcome};
use crate::memory::Memory;
use crate::tlb::Scope;

/// Bytes of one half of the address space: 2^47.
pub const HALF: u64 = 1 << 47;
/// The lowest address that a region may have: page 0 is never mapped, so that
/// a null pointer always faults.
pub const LOWEST: u64 = 4096;
/// The last page of the address space stays out of the kernel half, so that
/// the end of every region is a number.
const HIGHEST: u64 = u64::MAX - 4095;

/// Where a region may lie at all in a half of this scope: the first address,
/// and the number behind the last.
pub(super) fn bounds_of(scope: Scope) -> (u64, u64) {
    match scope {
        Scope::Kernel => (HALF.wrapping_neg(), HIGHEST),
        Scope::Space(_) => (LOWEST, HALF),
    }
}

/// What is safe in both halves: nothing here takes away, changes or reads memory
/// that somebody may be using, or ends what somebody may rely on.
macro_rules! both_halves {
    ($half:ident) => {
        impl Deref for $half {
            type Target = Half;

            fn deref(&self) -> &Half {
                &self.0
            }
        }

        impl $half {
            /// Reserves a region, and maps it if its backing says so. First fit
            /// by address; O(log n) for an alignment of 4 KiB.
            ///
            /// # Errors
            ///
            /// See [`AllocateError`]; nothing has changed then.
            pub fn allocate(
                &mut self,
                request: Request,
                memory: &Memory,
            ) -> Result<Region, AllocateError> {
                self.0.allocate(&request, memory)
            }

            /// Resolves a page fault in this half, counts it, and writes one
            /// event to the log. On any outcome but [`Outcome::Refused`] the
            /// access can be tried again; on [`Outcome::Blocked`] once the
            /// [wanted page](Half::wanted_page) is there.
            #[inline(always)]
            pub fn resolve(&mut self, fault: &Fault, memory: &Memory) -> Outcome {
                self.0.resolve_near_or_far(fault, memory)
            }

            /// Makes sure that each page of a range of demand regions can be
            /// touched: for a page that holds nothing a frame is kept back, and
            /// the tables on the way to it are made. All of it or nothing.
            /// Returns for how many pages (4 KiB) a frame was kept back.
            ///
            /// # Errors
            ///
            /// See [`ReserveError`]; nothing has changed then.
            pub fn reserve(
                &mut self,
                start: VirtAddr,
                size: u64,
                memory: &Memory,
            ) -> Result<u64, ReserveError> {
                self.0.reserve(start, size, memory)
            }

            /// The half itself, for tests that break it by hand.
            #[cfg(test)]
            pub(crate) fn half_mut(&mut self) -> &mut Half {
                &mut self.0
            }
        }
    };
}

both_halves!(Space);
both_halves!(KernelHalf);
