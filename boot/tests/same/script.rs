//! A script as the player reads it; see `kernel/programs/src/bin/player/script.rs`.

use std::fmt;

/// What is in the arena, and so what can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Anonymous private memory alone; faults are compared.
    Anonymous,
    /// Objects too, of which every sixteenth page is used alone; faults are compared.
    Sparse,
    /// Objects too, all pages of them; faults are not compared.
    Dense,
}

impl Kind {
    /// Pages of a unit.
    pub(crate) fn unit(self) -> usize {
        match self {
            // Linux maps up to 15 neighbours of a page of an object that is read.
            Self::Sparse => 16,
            Self::Anonymous | Self::Dense => 1,
        }
    }

    /// Units of the arena.
    pub(crate) fn units(self) -> usize {
        match self {
            Self::Sparse => 16,
            Self::Anonymous | Self::Dense => 64,
        }
    }
}

/// Steps, a line each.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) kind: Kind,
    pub(crate) steps: Vec<String>,
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, units) = (self.kind.unit(), self.kind.units());
        let faults = match self.kind {
            Kind::Anonymous | Kind::Sparse => " faults",
            Kind::Dense => "",
        };
        writeln!(f, "script unit={unit} units={units}{faults}")?;
        self.steps.iter().try_for_each(|step| writeln!(f, "{step}"))
    }
}
