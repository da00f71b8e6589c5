//! Pages that leave memory: the disk that they go to, and who chooses them.
//!
//! It is what the kernel's `swap` does for one space after the other; the disk is a map.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use core::convert::Infallible;

use memory::policy::{Clock, EnhancedSecondChance, Fifo, Policy, Random};
use memory::space::{EvictError, Eviction, Hand, SwapInError};
use memory::{Memory, Slot, Space};
use x86_64::VirtAddr;

/// Laps that may bring nothing, as in the kernel.
pub(crate) const IDLE_LAPS: usize = 6;

/// A way to choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chosen {
    Clock,
    SecondChance,
    Fifo,
    Random,
}

impl Chosen {
    pub(crate) const ALL: [(&str, Self); 4] = [
        ("clock", Self::Clock),
        ("second-chance", Self::SecondChance),
        ("fifo", Self::Fifo),
        ("random", Self::Random),
    ];
    pub(crate) const NAMES: &str = "clock, second-chance, fifo and random";

    pub(crate) fn name(self) -> &'static str {
        Self::ALL[self as usize].0
    }
}

/// Pages that went.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Evicted {
    /// To a slot, which was written.
    pub(crate) written: u64,
    /// To the slot they came from, which holds them already.
    pub(crate) saved: u64,
}

/// The disk, the ways to choose, and a hand for each space.
pub(crate) struct Swap {
    disk: BTreeMap<Slot, Box<[u8; 4096]>>,
    hands: [Hand; crate::machine::MOST_SPACES],
    /// Whose turn it is.
    pub(crate) turn: usize,
    pub(crate) chosen: Chosen,
    random: Random,
    pub(crate) laps: u64,
    /// Large pages that were broken up.
    pub(crate) broken_up: u64,
}

impl Swap {
    pub(crate) fn new() -> Self {
        Self {
            disk: BTreeMap::new(),
            hands: [Hand::default(); _],
            turn: 0,
            chosen: Chosen::Clock,
            random: Random::new(1),
            laps: 0,
            broken_up: 0,
        }
    }

    /// The hand of the space of this number.
    pub(crate) fn hand(&self, number: usize) -> Hand {
        self.hands[number]
    }

    /// A space of this number begins anew.
    pub(crate) fn forget_hand(&mut self, number: usize) {
        self.hands[number] = Hand::default();
    }

    /// Lets one page of a space go; `None` if its slots do not last.
    pub(crate) fn evict(
        &mut self,
        number: usize,
        space: &mut Space,
        memory: &Memory,
    ) -> Option<Eviction> {
        let Self {
            disk,
            hands,
            chosen,
            random,
            laps,
            broken_up,
            ..
        } = self;
        let policy: &mut dyn Policy = match chosen {
            Chosen::Clock => &mut Clock,
            Chosen::SecondChance => &mut EnhancedSecondChance,
            Chosen::Fifo => &mut Fifo,
            Chosen::Random => random,
        };
        let gone = space.evict(&mut hands[number], policy, memory, |slot, bytes| {
            disk.insert(slot, Box::new(*bytes));
            Ok::<_, Infallible>(())
        });
        match gone {
            Ok(eviction) => {
                *laps += u64::from(matches!(eviction, Eviction::EndOfLap { .. }));
                *broken_up += u64::from(matches!(eviction, Eviction::BrokenUp { .. }));
                Some(eviction)
            }
            Err(EvictError::Write { error, .. }) => match error {},
            Err(_) => None,
        }
    }

    /// Brings the page of an address back.
    pub(crate) fn bring_back(
        &mut self,
        space: &mut Space,
        address: VirtAddr,
        memory: &Memory,
    ) -> Result<Slot, SwapInError<Infallible>> {
        space.swap_in(address, memory, |slot, bytes| {
            if let Some(page) = self.disk.get(&slot) {
                bytes.copy_from_slice(&page[..]);
            }
            Ok(())
        })
    }
}
