//! How the memory manager reaches the processor, and who looks on.
//!
//! What must always hold: what is seen at a flush is seen before it is carried out, so that
//! what is stale then is seen as stale.

use alloc::boxed::Box;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;

use memory::{Flush, Scope, Tlb};
use spin::mutex::SpinMutex;

use crate::processors::Processors;
use crate::state::cache::{self, Cached};

/// The processor (one, of those that the tests have several of), and what was seen of it.
pub(crate) struct Bench {
    pub(crate) processors: Processors,
    /// The address of the last access, around which the picture is.
    pub(crate) near: u64,
    /// The cache as it was before the first flush since somebody took this.
    pub(crate) before_flush: Option<Vec<Cached>>,
}

/// The way to the processor, as long as it exists.
pub(crate) struct Wire(Weak<SpinMutex<Bench>>);

impl Wire {
    /// A wire to this processor, for ever: a few bytes for each machine.
    pub(crate) fn to(bench: &Arc<SpinMutex<Bench>>) -> &'static Self {
        Box::leak(Box::new(Self(Arc::downgrade(bench))))
    }
}

impl Tlb for Wire {
    fn flush(&self, scope: Scope, flush: Flush<'_>) {
        // A machine that is no more has nothing to forget.
        let Some(bench) = self.0.upgrade() else {
            return;
        };
        let mut bench = bench.lock();
        let Bench {
            processors,
            near,
            before_flush,
        } = &mut *bench;
        if before_flush.is_none() {
            *before_flush = Some(cache::of(&processors.each[0], *near));
        }
        processors.flush(scope, flush);
    }
}
