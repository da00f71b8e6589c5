//! `walk` and `regions`: what is where in virtual memory.

use line::number;
use memory::space::{Region, Resident};
use x86_64::VirtAddr;

use super::Monitor;
use super::answers;
use super::arguments::{self, Arguments};
use super::error::Error;
use super::output::Output;
use crate::console::input::{self, Cancelled};
use crate::process::{Process, Processes};
use crate::spaces::{self, Parked};

/// `walk <address>`
pub(super) fn walk<'a>(
    _: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    let address = arguments.address()?;
    arguments.end()?;
    let walk = spaces::look(address, |half| half.walk(address));
    answers::walk(address, &walk, out);
    Ok(())
}

/// `regions [space|process=N]`
pub(super) fn regions<'a>(
    monitor: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    let Some(word) = arguments.optional() else {
        for half in [Half::Low, Half::Kernel] {
            half.for_each(|region, resident| answers::region(region, resident, out))?;
        }
        return Ok(());
    };
    let space = match word.strip_prefix("process=") {
        Some(word) => {
            let number = arguments::read("process=", word, number::number)?;
            arguments.end()?;
            Some(space_of(&monitor.processes, number)?)
        }
        None => {
            let number = arguments::read("[space|process=N]", word, number::number)?;
            arguments.end()?;
            monitor.spaces.kept(number)?
        }
    };
    let Some(space) = space else {
        Half::Low.for_each(|region, resident| answers::region(region, resident, out))?;
        return Ok(());
    };
    tell_all(
        |told| space.look(|space| next(space, told)),
        |region, resident| answers::region(region, resident, out),
    )?;
    Ok(())
}

/// The memory of the process of this number.
fn space_of<'a>(processes: &Processes, number: u64) -> Result<&Parked, Error<'a>> {
    let process = u32::try_from(number).ok().and_then(|id| processes.get(id));
    process
        .and_then(Process::space)
        .ok_or(Error::NoProcess(number))
}

/// A half of the address space that is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Half {
    /// That of the current space.
    Low,
    /// The one that all spaces share.
    Kernel,
}

impl Half {
    /// Looks at the half, its lock held: nothing may be formatted meanwhile.
    pub(super) fn look<R>(self, look: impl FnOnce(&memory::space::Half) -> R) -> R {
        match self {
            Self::Low => spaces::current(|space, _| look(space)),
            Self::Kernel => spaces::kernel_half(|half, _| look(half)),
        }
    }

    /// Characters of its addresses: of the highest, or of those that people see in the low half.
    pub(super) fn digits(self) -> usize {
        match self {
            Self::Low => 10,
            Self::Kernel => 18,
        }
    }

    /// Hands each region to `tell`, by address, with no lock held, until Ctrl-C is pressed.
    pub(super) fn for_each(self, tell: impl FnMut(&Region, Resident)) -> Result<(), Cancelled> {
        tell_all(|told| self.look(|half| next(half, told)), tell)
    }
}

/// The first region of a half behind this one, or the very first.
fn next(half: &memory::space::Half, told: Option<VirtAddr>) -> Option<(Region, Resident)> {
    let region = match told {
        Some(base) => half.region_above(base),
        None => half.regions().next(),
    }?;
    Some((region, half.resident(&region)))
}

/// Hands each region to `tell` that `next` finds, until Ctrl-C is pressed.
fn tell_all(
    mut next: impl FnMut(Option<VirtAddr>) -> Option<(Region, Resident)>,
    mut tell: impl FnMut(&Region, Resident),
) -> Result<(), Cancelled> {
    let mut told = None;
    while let Some((region, resident)) = next(told) {
        input::check()?;
        tell(&region, resident);
        told = Some(region.base);
    }
    Ok(())
}
