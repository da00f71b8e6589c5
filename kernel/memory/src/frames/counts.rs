//! How many frames are what: the one place where frames are counted, and where
//! a request is compared with what may be handed out.
//!
//! ```text
//!        |<---------------- free ----------------->|
//! total: | available | behind the limit | kept back | reserved | used, by kind |
//! ```
//!
//! What must always hold: every managed frame is in exactly one of these
//! numbers, and each is exact at every moment. None names a frame in particular.

use super::FrameKind;

/// How many 4 KiB frames are what. `total` is `free + used`, and `used` is the
/// sum of `reserved`, `tables`, `kernel`, `private`, `shared` and `zero`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All frames of usable and reclaimable memory.
    pub total: u64,
    /// Not in use, whether or not they may be handed out.
    pub free: u64,
    /// In use for anything.
    pub used: u64,
    /// Never handed out, or not yet: the bitmap, and what was not reclaimed.
    pub reserved: u64,
    /// In use as [`FrameKind::Table`].
    pub tables: u64,
    /// In use as [`FrameKind::Kernel`].
    pub kernel: u64,
    /// In use as [`FrameKind::Private`].
    pub private: u64,
    /// In use as [`FrameKind::Shared`].
    pub shared: u64,
    /// In use as [`FrameKind::Zero`].
    pub zero: u64,
    /// Free frames kept back for reserved pages; part of `free`.
    pub kept_back: u64,
    /// How many more may be handed out, if the limit makes that fewer than are
    /// free and not kept back.
    pub limit: Option<u64>,
    /// Frames that were freed here but are not this allocator's to take back;
    /// not part of any other number. Anything but 0 is an error in the caller.
    pub refused: u64,
}

impl Counts {
    /// How many frames may be handed out: free, not kept back, within the limit.
    #[must_use]
    pub fn available(&self) -> u64 {
        self.limit.unwrap_or(self.free - self.kept_back)
    }
}

/// The counters themselves.
#[derive(Default)]
pub(super) struct Ledger {
    /// Free frames that may be handed out to anybody.
    available: u64,
    /// Free frames behind the limit.
    withheld: u64,
    kept_back: u64,
    reserved: u64,
    used: [u64; FrameKind::COUNT],
    refused: u64,
    /// What the largest request lacked since this was last asked for.
    missing: u64,
}

impl Ledger {
    pub(super) fn new(free: u64, reserved: u64) -> Self {
        Self {
            available: free,
            reserved,
            ..Self::default()
        }
    }

    pub(super) fn counts(&self) -> Counts {
        let [tables, kernel, private, shared, zero] = self.used;
        let free = self.available + self.withheld + self.kept_back;
        let used = self.reserved + self.used.iter().sum::<u64>();
        Counts {
            total: free + used,
            free,
            used,
            reserved: self.reserved,
            tables,
            kernel,
            private,
            shared,
            zero,
            kept_back: self.kept_back,
            limit: (self.withheld > 0).then_some(self.available),
            refused: self.refused,
        }
    }

    /// How many frames may be handed out.
    #[inline]
    pub(super) fn available(&self) -> u64 {
        self.available
    }

    /// Counts `count` available frames as in use.
    #[inline]
    pub(super) fn hand_out(&mut self, count: u64, kind: FrameKind) {
        self.available -= count;
        self.used[kind as usize] += count;
    }

    /// Counts one frame that was kept back as in use; `false` if none was.
    pub(super) fn hand_out_kept(&mut self, kind: FrameKind) -> bool {
        let is_kept = self.kept_back > 0;
        self.kept_back -= u64::from(is_kept);
        self.used[kind as usize] += u64::from(is_kept);
        is_kept
    }

    /// How many frames are in use for `kind`.
    #[inline]
    pub(super) fn used(&self, kind: FrameKind) -> u64 {
        self.used[kind as usize]
    }

    /// Counts `count` frames in use for `kind` as available.
    #[inline]
    pub(super) fn take_back(&mut self, count: u64, kind: FrameKind) {
        self.used[kind as usize] -= count;
        self.available += count;
    }

    /// Counts `count` frames in use for `before` as in use for `after`.
    pub(super) fn reclassify(&mut self, count: u64, before: FrameKind, after: FrameKind) {
        self.used[before as usize] -= count;
        self.used[after as usize] += count;
    }

    /// Counts `count` reserved frames as available.
    pub(super) fn reclaim(&mut self, count: u64) {
        self.reserved -= count;
        self.available += count;
    }

    /// Counts `count` frames that could not be taken back.
    #[cold]
    pub(super) fn refuse(&mut self, count: u64) {
        self.refused += count;
    }

    /// Notes a request for `needed` frames, of which too few are available.
    #[cold]
    pub(super) fn miss(&mut self, needed: u64) {
        self.missing = self.missing.max(needed.saturating_sub(self.available));
    }

    /// What the largest request lacked since this was last called.
    pub(super) fn take_missing(&mut self) -> u64 {
        core::mem::take(&mut self.missing)
    }

    /// Leaves at most `limit` frames available.
    pub(super) fn set_limit(&mut self, limit: Option<u64>) {
        let free = self.available + self.withheld;
        self.available = limit.map_or(free, |limit| limit.min(free));
        self.withheld = free - self.available;
    }

    /// Keeps `count` available frames back.
    pub(super) fn keep_back(&mut self, count: u64) {
        self.available -= count;
        self.kept_back += count;
    }

    /// Makes `count` frames that were kept back available again.
    pub(super) fn release(&mut self, count: u64) {
        debug_assert!(count <= self.kept_back, "{count} were never kept back");
        let count = count.min(self.kept_back);
        self.kept_back -= count;
        self.available += count;
    }
}
