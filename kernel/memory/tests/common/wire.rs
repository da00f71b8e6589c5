//! How a machine's memory reaches its processors.

use std::sync::{Arc, Mutex, Weak};

use faultline_memory::{Flush, Scope, Tlb};

use super::processors::Processors;

/// The way to the processors, as long as they exist.
pub struct Wire(Weak<Mutex<Processors>>);

impl Wire {
    /// A wire to these processors, for ever.
    pub fn to(processors: &Arc<Mutex<Processors>>) -> &'static Self {
        Box::leak(Box::new(Self(Arc::downgrade(processors))))
    }
}

impl Tlb for Wire {
    fn flush(&self, scope: Scope, flush: Flush<'_>) {
        let processors = self.0.upgrade().expect("a machine that exists");
        processors
            .try_lock()
            .expect("nobody looks at the processors during an operation")
            .flush(scope, flush);
    }
}
