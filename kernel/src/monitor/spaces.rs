//! `spaces` and `space`: several address spaces that share the kernel half.
//!
//! A space has a number for as long as it lives. The one that is loaded is in
//! the kernel's hands; the others are kept here.

use line::number;
use memory::Space;

use super::Monitor;
use super::arguments::{self, Arguments};
use super::error::Error;
use super::output::Output;
use crate::account::unit::Address;
use crate::spaces::{self, FIRST_ROOMS, Parked, Room};

/// The most spaces that there may be.
pub(super) const MOST_SPACES: usize = FIRST_ROOMS;

/// What `space` takes.
const WANTED: &str = "<new | fork | n | free n>";

/// All spaces there are.
pub(super) struct Spaces {
    /// Those that are not loaded, by number.
    kept: [Option<Parked>; MOST_SPACES],
    /// The number of the one that is loaded.
    current: usize,
}

impl Spaces {
    /// The one that is loaded, as number 0.
    pub(super) const fn new() -> Self {
        Self {
            kept: [const { None }; MOST_SPACES],
            current: 0,
        }
    }

    /// Keeps a new space, which `make` makes. Returns its number, and what
    /// `look` sees of it.
    fn keep<'a, E: Into<Error<'a>>, R>(
        &mut self,
        make: impl FnOnce() -> Result<Space, E>,
        look: impl FnOnce(&Space) -> R,
    ) -> Result<(usize, R), Error<'a>> {
        let number = self
            .free_number()
            .ok_or(Error::TooManySpaces(MOST_SPACES))?;
        let room = Room::new().map_err(Error::SpaceRoom)?;
        let space = make().map_err(Into::into)?;
        let seen = look(&space);
        self.kept[number] = Some(room.park(space));
        Ok((number, seen))
    }

    fn is_kept(&self, number: usize) -> bool {
        self.kept.get(number).is_some_and(Option::is_some)
    }

    /// The lowest number that no space has.
    fn free_number(&self) -> Option<usize> {
        (0..MOST_SPACES).find(|&number| number != self.current && !self.is_kept(number))
    }

    /// The number of a space that is not loaded.
    fn kept_number<'a>(&self, number: u64) -> Result<usize, Error<'a>> {
        let index = usize::try_from(number).map_err(|_| Error::NoSpace(number))?;
        if index == self.current {
            Err(Error::CurrentSpace(number))
        } else if self.is_kept(index) {
            Ok(index)
        } else {
            Err(Error::NoSpace(number))
        }
    }

    /// The space of this number, or `None` if it is the one that is loaded.
    pub(super) fn kept<'a>(&self, number: u64) -> Result<Option<&Parked>, Error<'a>> {
        match self.kept_number(number) {
            Ok(index) => Ok(self.kept[index].as_ref()),
            Err(Error::CurrentSpace(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn switch<'a>(&mut self, number: u64) -> Result<(), Error<'a>> {
        let index = match self.kept_number(number) {
            Err(Error::CurrentSpace(_)) => return Ok(()),
            other => other?,
        };
        if let Some(space) = self.kept[index].take() {
            self.kept[self.current] = Some(space.switch());
            self.current = index;
        }
        Ok(())
    }
}

impl Drop for Spaces {
    /// Gives everything back that the kept spaces hold; the loaded one stays.
    fn drop(&mut self) {
        for space in self.kept.iter_mut().filter_map(Option::take) {
            spaces::destroy(space.unpark());
        }
    }
}

fn line(number: usize, is_current: bool, space: &Summary, out: &mut Output<'_>) {
    writeln!(
        out,
        "space={number} current={} root={} regions={} frames={} shared={}",
        if is_current { "yes" } else { "no" },
        Address(space.root),
        space.regions,
        space.frames,
        space.shared
    );
}

/// What is printed about a space.
struct Summary {
    root: u64,
    regions: u64,
    /// Frames that are its own.
    frames: u64,
    /// Frames that another space may own as well.
    shared: u64,
}

impl Summary {
    fn of(space: &Space) -> Self {
        let (window, end) = space.window();
        let resident = space.resident_between(window, end);
        Self {
            root: space.root().start_address().as_u64(),
            regions: space.region_count(),
            frames: resident.private,
            shared: resident.shared,
        }
    }
}

/// `spaces`
pub(super) fn spaces<'a>(
    monitor: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    arguments.end()?;
    for number in 0..MOST_SPACES {
        let summary = if number == monitor.spaces.current {
            spaces::current(|space, _| Some(Summary::of(space)))
        } else {
            monitor.spaces.kept[number]
                .as_ref()
                .map(|space| space.look(Summary::of))
        };
        if let Some(summary) = summary {
            line(number, number == monitor.spaces.current, &summary, out);
        }
    }
    Ok(())
}

/// `space new`, `space fork`, `space <n>`, `space free <n>`
pub(super) fn space<'a>(
    monitor: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    let known = &mut monitor.spaces;
    match arguments.word(WANTED)? {
        "new" => {
            arguments.end()?;
            let (number, root) = known.keep(spaces::create, |space| space.root())?;
            let root = Address::from(root.start_address());
            writeln!(out, "space={number} root={root}");
        }
        "fork" => {
            arguments.end()?;
            let fork = || spaces::current(Space::fork);
            let (number, copy) = known.keep(fork, Summary::of)?;
            writeln!(out, "space={number} shared={}", copy.shared);
        }
        "free" => {
            let number = arguments.number("<n>")?;
            arguments.end()?;
            let index = known.kept_number(number)?;
            let space = known.kept[index].take();
            let frames = space.map_or(0, |space| spaces::destroy(space.unpark()));
            writeln!(out, "freed={number} frames={frames}");
        }
        word => {
            let number = arguments::read(WANTED, word, number::number)?;
            arguments.end()?;
            known.switch(number)?;
            let root = spaces::current(|space, _| space.root().start_address());
            writeln!(out, "space={number} root={}", Address::from(root));
        }
    }
    Ok(())
}
