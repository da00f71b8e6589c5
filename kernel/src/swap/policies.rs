//! The ways to choose which page goes, by name.

use memory::policy::{Candidate, Choice, Clock, EnhancedSecondChance, Fifo, Policy, Random};

/// A way to choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chosen {
    /// [`Clock`].
    Clock,
    /// [`EnhancedSecondChance`].
    SecondChance,
    /// [`Fifo`].
    Fifo,
    /// [`Random`].
    Random,
}

impl Chosen {
    /// All of them, with their names.
    pub const ALL: [(&str, Self); 4] = [
        ("clock", Self::Clock),
        ("second-chance", Self::SecondChance),
        ("fifo", Self::Fifo),
        ("random", Self::Random),
    ];

    /// The names, for a sentence.
    pub const NAMES: &str = "clock, second-chance, fifo and random";

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].0
    }
}

/// All policies, one of which is in use.
pub(super) struct Policies {
    pub(super) chosen: Chosen,
    clock: Clock,
    second_chance: EnhancedSecondChance,
    fifo: Fifo,
    random: Random,
}

impl Policies {
    pub(super) const fn new() -> Self {
        Self {
            chosen: Chosen::Clock,
            clock: Clock,
            second_chance: EnhancedSecondChance,
            fifo: Fifo,
            random: Random::new(1),
        }
    }

    /// The one in use.
    pub(super) fn current(&mut self) -> &mut dyn Policy {
        match self.chosen {
            Chosen::Clock => &mut self.clock,
            Chosen::SecondChance => &mut self.second_chance,
            Chosen::Fifo => &mut self.fifo,
            Chosen::Random => &mut self.random,
        }
    }
}

/// Passes each page that would need a slot, where there is none.
pub(super) struct WithoutSlots<'a>(pub(super) &'a mut dyn Policy);

impl Policy for WithoutSlots<'_> {
    fn choose(&mut self, page: &Candidate) -> Choice {
        if page.is_of_file {
            self.0.choose(page)
        } else {
            Choice::Pass
        }
    }
}
