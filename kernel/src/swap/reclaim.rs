//! Which pages go when frames are short.
//!
//! ```text
//!   loaded    parked 0   parked 1          each space has a hand of its own;
//!     o──────────o──────────o───> again    the turn goes on at the end of a lap
//! ```
//!
//! What must always hold: whoever is short waits for no lock here, since the one who
//! holds it may be the one who is short; and it ends: when several laps in a row
//! through all spaces brought nothing, nothing comes.

use memory::slot::Slot;
use memory::space::{EvictError, Eviction};
use spin::Mutex;

use super::policies::{Chosen, Policies, WithoutSlots};
use crate::disk::{self, DiskError, Which};
use crate::files::cache;
use crate::spaces;

/// Frames below which some are made free ahead of time, and how many there are then.
const LOW_WATER: u64 = 32;
const HIGH_WATER: u64 = 64;

/// Turns for which nothing is made free ahead of time after too little was found.
const REST: u32 = 256;

/// Pages that go at once, at least, when somebody is short of any: one of so many that
/// there are, and no more than that.
const BATCH_SHARE: u64 = 128;
const MOST_BATCH: u64 = 64;

/// Laps that may bring nothing: the first is a part of one, one more may show that
/// there is little but large pages, and a policy takes a page, if there is one, within
/// four whole ones.
const IDLE_LAPS: usize = 6;

/// Writes that may fail in a row. Then the disk is broken, and what needs no slot goes.
const MOST_FAILURES: u32 = 8;

static RECLAIM: Mutex<Reclaim> = Mutex::new(Reclaim::new());

/// Pages that went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Evicted {
    /// To a slot, which was written.
    pub written: u64,
    /// To the slot they came from, which holds them already.
    pub saved: u64,
    /// For nothing: a file holds them as well.
    pub dropped: u64,
}

/// What was done since the start, beside what [`slots`](super::slots) counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Pages that went.
    pub evicted: Evicted,
    /// Laps of hands.
    pub laps: u64,
    /// How often somebody was short, and something came free.
    pub relieved: u64,
    /// Large pages that were broken up into small ones.
    pub broken_up: u64,
    /// Pages that stayed since their slot could not be written.
    pub failed: u64,
    /// The last of those slots, and why.
    pub last_failure: Option<(Slot, DiskError)>,
}

/// How far it has come.
struct Reclaim {
    policies: Policies,
    /// Whose turn it is, as for [`spaces::try_low`].
    turn: usize,
    /// Turns for which nothing is made free ahead of time.
    rest: u32,
    totals: Totals,
}

impl Evicted {
    /// All of them.
    #[must_use]
    pub const fn pages(&self) -> u64 {
        self.written + self.saved + self.dropped
    }
}

/// Lets so many pages go, or as many as can; one more if the last one was a large page.
pub fn evict(pages: u64) -> Evicted {
    let reclaim = RECLAIM.try_lock();
    reclaim.map_or_else(Evicted::default, |mut reclaim| reclaim.evict(pages))
}

/// How pages are chosen.
#[must_use]
pub fn policy() -> Chosen {
    RECLAIM.lock().policies.chosen
}

/// Chooses pages in another way from now on.
pub fn set_policy(chosen: Chosen) {
    RECLAIM.lock().policies.chosen = chosen;
}

/// What was done since the start.
#[must_use]
pub fn totals() -> Totals {
    RECLAIM.lock().totals
}

/// Makes some frames free ahead of time, if there are slots and few are left. After it
/// has found too little, it rests: a search through all pages takes as long as many turns.
pub(crate) fn keep_some_free() {
    let memory = spaces::memory();
    let available = memory.counts().available();
    if available >= LOW_WATER || memory.slots().total == 0 {
        return;
    }
    if let Some(mut reclaim) = RECLAIM.try_lock() {
        match reclaim.rest.checked_sub(1) {
            Some(left) => reclaim.rest = left,
            None => {
                let wanted = HIGH_WATER - available;
                let is_enough = reclaim.evict(wanted).pages() == wanted;
                reclaim.rest = if is_enough { 0 } else { REST };
            }
        }
    }
}

/// Makes so many frames free, or as many as can be; false if that is none. Without a
/// disk for slots only files that nobody maps go.
pub(super) fn relieve(missing: u64) -> bool {
    let memory = spaces::memory();
    let before = memory.counts();
    if missing > before.private + before.shared {
        // So many pages there are not.
        return false;
    }
    let freed = || {
        memory
            .counts()
            .available()
            .saturating_sub(before.available())
    };
    cache::let_go();
    if freed() < missing
        && memory.slots().total > 0
        && let Some(mut reclaim) = RECLAIM.try_lock()
    {
        let batch = ((before.private + before.shared) / BATCH_SHARE).min(MOST_BATCH);
        reclaim.evict((missing - freed()).max(batch));
        reclaim.totals.relieved += u64::from(freed() > 0);
    }
    freed() > 0
}

impl Reclaim {
    const fn new() -> Self {
        Self {
            policies: Policies::new(),
            turn: 0,
            rest: 0,
            totals: Totals {
                evicted: Evicted {
                    written: 0,
                    saved: 0,
                    dropped: 0,
                },
                laps: 0,
                relieved: 0,
                broken_up: 0,
                failed: 0,
                last_failure: None,
            },
        }
    }

    fn evict(&mut self, wanted: u64) -> Evicted {
        let before = self.totals.evicted;
        let (mut gone, mut idle, mut failures) = (0, 0, 0);
        while gone < wanted && idle < IDLE_LAPS * spaces::turns() {
            match self.step(failures < MOST_FAILURES) {
                Step::Gone(pages) => {
                    (gone, idle) = (gone + pages, 0);
                    if failures < MOST_FAILURES {
                        failures = 0;
                    }
                }
                Step::Stayed => {}
                Step::Failed => failures += 1,
                Step::EndOfLap => {
                    self.turn = (self.turn + 1) % spaces::turns();
                    idle += 1;
                }
            }
        }
        let after = self.totals.evicted;
        Evicted {
            written: after.written - before.written,
            saved: after.saved - before.saved,
            dropped: after.dropped - before.dropped,
        }
    }

    /// Lets one page go, in the space whose turn it is; to a slot only if the disk works.
    fn step(&mut self, is_disk_well: bool) -> Step {
        let slots = spaces::memory().slots();
        let mut policy = self.policies.current();
        let mut without_slots;
        if !is_disk_well || slots.used == slots.total && slots.saved == 0 {
            without_slots = WithoutSlots(policy);
            policy = &mut without_slots;
        }
        let evicted = spaces::try_low(self.turn, |space, hand, memory| {
            space.evict(hand, policy, memory, |slot, bytes| {
                disk::write_page(Which::Swap, slot.number(), bytes)
            })
        });
        let totals = &mut self.totals;
        match evicted {
            Some(Ok(Eviction::Written(_))) => totals.evicted.written += 1,
            Some(Ok(Eviction::Saved(_))) => totals.evicted.saved += 1,
            Some(Ok(Eviction::BrokenUp { written })) => {
                totals.evicted.written += written;
                totals.broken_up += 1;
                return Step::Gone(written);
            }
            Some(Ok(Eviction::Unmapped(wanted))) => {
                if !spaces::memory().drop_object_page(wanted.object, wanted.page) {
                    return Step::Stayed;
                }
                totals.evicted.dropped += 1;
            }
            Some(Ok(Eviction::EndOfLap { .. })) => {
                totals.laps += 1;
                return Step::EndOfLap;
            }
            Some(Err(EvictError::Write { slot, error })) => {
                totals.failed += 1;
                totals.last_failure = Some((slot, error));
                return Step::Failed;
            }
            Some(Err(_)) => return Step::Stayed,
            None => return Step::EndOfLap,
        }
        Step::Gone(1)
    }
}

/// What one step brought.
enum Step {
    /// So many pages went.
    Gone(u64),
    Stayed,
    /// A slot could not be written.
    Failed,
    EndOfLap,
}
