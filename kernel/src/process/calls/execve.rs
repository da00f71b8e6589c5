//! `execve`: a process runs another program.
//!
//! What must always hold: the space of the new program stands before that of the
//! old one goes, so that an error changes nothing.

use alloc::vec::Vec;

use archive::{Kind, LONGEST_PATH, LastLink};
use executable::stack::StackError;

use super::super::load::{LoadError, Loaded, MOST_ARGUMENTS, load};
use super::super::user::{StringError, read_string, read_value};
use super::super::{Process, Processes};
use super::files::resolve;
use super::{Errno, Heap};
use crate::spaces;

/// Bytes of one argument at most, without the 0 at its end (Linux: MAX_ARG_STRLEN).
const LONGEST_STRING: usize = 32 * 4096 - 1;

impl From<LoadError> for Errno {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::File(_) => Self::NOT_EXECUTABLE,
            LoadError::Stack(StackError::TooLarge { .. }) => Self::TOO_BIG,
            LoadError::Stack(StackError::Write(_)) | LoadError::Space(_) => Self::NO_MEMORY,
            LoadError::Cache(error) => error.into(),
            LoadError::Region(error) => error.into(),
        }
    }
}

/// `execve(path, arguments, environment)`: does not return to the program that
/// has made the call.
#[inline(never)]
pub(super) fn execve(process: &mut Process, others: &mut Processes) -> Result<u64, Errno> {
    let [path, arguments, environment, ..] = process.arguments();
    let path = read_string(path, LONGEST_PATH)?;
    let file = resolve(process, process.descriptors.folder, &path, LastLink::Follow)?;
    let Kind::File(place) = file.kind else {
        return Err(Errno::NO_ACCESS);
    };
    if !file.is_executable() {
        return Err(Errno::NO_ACCESS);
    }
    let mut room = MOST_ARGUMENTS;
    let arguments = strings(arguments, &mut room)?;
    let environment = strings(environment, &mut room)?;
    let (arguments, environment) = (slices(&arguments)?, slices(&environment)?);
    let loaded = load(place.into(), &path, &arguments, &environment)?;
    process.become_program(file.name, loaded);
    others.release_parent(process);
    Ok(0)
}

impl Process {
    /// Gives it another program. Descriptors stay open, but for those that are to
    /// be closed then.
    fn become_program(&mut self, name: &'static str, loaded: Loaded) {
        self.leave(spaces::load(loaded.space));
        self.program = name;
        self.context = loaded.context;
        self.context.load_segments();
        self.extended.reset();
        self.extended.load();
        self.heap = Heap::behind(loaded.heap);
        self.descriptors.exec();
    }
}

/// The strings of a list of addresses that ends with 0; no list is an empty one.
/// What they take is taken from `room`.
fn strings(list: u64, room: &mut u64) -> Result<Vec<Vec<u8>>, Errno> {
    const ADDRESS: u64 = size_of::<u64>() as u64;
    let mut strings = Vec::new();
    if list == 0 {
        return Ok(strings);
    }
    let mut place = list;
    loop {
        let address = read_value::<u64>(place)?;
        if address == 0 {
            return Ok(strings);
        }
        // It could be read, so this is no further than the end of the low half.
        place += ADDRESS;
        let string = read_string(address, LONGEST_STRING).map_err(|error| match error {
            StringError::TooLong => Errno::TOO_BIG,
            other => other.into(),
        })?;
        let taken = string.len() as u64 + 1 + ADDRESS;
        *room = room.checked_sub(taken).ok_or(Errno::TOO_BIG)?;
        strings.try_reserve(1).map_err(|_| Errno::NO_MEMORY)?;
        strings.push(string);
    }
}

fn slices(strings: &[Vec<u8>]) -> Result<Vec<&[u8]>, Errno> {
    let mut slices = Vec::new();
    let room = slices.try_reserve_exact(strings.len());
    room.map_err(|_| Errno::NO_MEMORY)?;
    slices.extend(strings.iter().map(Vec::as_slice));
    Ok(slices)
}

#[cfg(test)]
mod tests {
    use super::*;
    use memory::object::UseError;
    use memory::space::AllocateError;

    #[test_case]
    fn a_segment_that_is_refused_is_refused_as_mmap_refuses_it() {
        let object = spaces::memory().create_object(memory::object::ObjectKind::File, 1);
        let object = object.expect("a frame for its record");
        let refused = UseError::Written {
            object: object.id(),
        };
        let errno = |error| Errno::from(LoadError::Region(error));
        assert_eq!(errno(AllocateError::Object(refused)), Errno::NO_ACCESS);
        assert_eq!(errno(AllocateError::NoRoom), Errno::NO_MEMORY);
        let first = 1 << 40;
        assert_eq!(
            errno(AllocateError::NoSuchPages { first }),
            Errno::TOO_LARGE
        );
        spaces::memory().release_object(object);
    }
}
