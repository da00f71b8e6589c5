//! The descriptors of a process: small numbers for its open files, and the folder
//! that its paths begin in.
//!
//! What must always hold: a descriptor that is given is the lowest number that is
//! free. A child gets its own descriptors of the same open files. An open file goes
//! with its last descriptor, so nobody has to give it back.

use alloc::collections::TryReserveError;
use alloc::sync::Arc;
use alloc::vec::Vec;

use archive::Entry;

use super::calls::Errno;
use super::open_file::{File, OpenFile, OpenFlags};

/// Descriptors that a process may have (Linux: the soft limit of RLIMIT_NOFILE).
pub const MOST: usize = 1024;

/// The console, which is open before there is a process.
static CONSOLE: OpenFile = OpenFile::new(File::Console, OpenFlags::READ_WRITE);

/// Opens the console as it was at first: nobody gets to see what the programs before
/// have made of it.
pub(super) fn open_console_anew() {
    CONSOLE.set_flags(OpenFlags::READ_WRITE);
}

/// Standard input, output and error: those of a process that the kernel starts.
const STANDARD: usize = 3;

/// The permissions that a file is not made with, at first.
const FIRST_MASK: u32 = 0o022;

/// The open files of a process.
#[derive(Debug)]
pub struct Descriptors {
    /// By number.
    places: Vec<Option<Descriptor>>,
    /// The folder that its relative paths begin in.
    pub folder: Entry<'static>,
    /// The permissions that it makes no file with.
    pub mask: u32,
}

/// A way to an open file.
#[derive(Debug, Clone)]
struct Descriptor {
    file: Shared,
    /// `execve` closes it.
    close_on_exec: bool,
}

/// An open file that others may have open, too.
#[derive(Debug, Clone)]
enum Shared {
    Console,
    Counted(Arc<OpenFile>),
}

impl Descriptors {
    /// None.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            places: Vec::new(),
            folder: Entry::ROOT,
            mask: FIRST_MASK,
        }
    }

    /// Standard input, output and error, all of them the console.
    ///
    /// # Errors
    ///
    /// The kernel heap has no room for them.
    pub fn standard() -> Result<Self, TryReserveError> {
        let console = Descriptor {
            file: Shared::Console,
            close_on_exec: false,
        };
        let mut places = Vec::new();
        places.try_reserve_exact(STANDARD)?;
        places.resize(STANDARD, Some(console));
        Ok(Self {
            places,
            ..Self::none()
        })
    }

    /// Those of a child: the same open files.
    ///
    /// # Errors
    ///
    /// The kernel heap has no room for them.
    pub fn fork(&self) -> Result<Self, TryReserveError> {
        let mut places = Vec::new();
        places.try_reserve_exact(self.places.len())?;
        places.extend_from_slice(&self.places);
        Ok(Self { places, ..*self })
    }

    /// Closes what a new program is not to have.
    pub fn exec(&mut self) {
        for place in &mut self.places {
            place.take_if(|descriptor| descriptor.close_on_exec);
        }
    }

    /// The open file of a descriptor.
    ///
    /// # Errors
    ///
    /// EBADF: there is none.
    pub fn get(&self, number: u64) -> Result<&OpenFile, Errno> {
        Ok(match &self.find(number)?.file {
            Shared::Console => &CONSOLE,
            Shared::Counted(file) => file,
        })
    }

    /// Gives an open file the lowest descriptor that is free.
    ///
    /// # Errors
    ///
    /// EMFILE, ENOMEM: there is no room for it; the file is closed then.
    pub fn open(&mut self, file: OpenFile, close_on_exec: bool) -> Result<u64, Errno> {
        let number = self.free_from(0).ok_or(Errno::TOO_MANY_OPEN)?;
        let file = Arc::try_new(file).map_err(|_| Errno::NO_MEMORY)?;
        let file = Shared::Counted(file);
        let descriptor = Descriptor {
            file,
            close_on_exec,
        };
        self.put(number, descriptor)
    }

    /// Gives a descriptor back.
    ///
    /// # Errors
    ///
    /// EBADF: it is none.
    pub fn close(&mut self, number: u64) -> Result<(), Errno> {
        self.find(number)?;
        self.places[index(number)] = None;
        Ok(())
    }

    /// Gives the open file of a descriptor another one, the lowest from `lowest` on.
    ///
    /// # Errors
    ///
    /// EBADF; EINVAL: `lowest` is no descriptor; EMFILE, ENOMEM: there is no room.
    pub fn duplicate(
        &mut self,
        number: u64,
        lowest: u64,
        close_on_exec: bool,
    ) -> Result<u64, Errno> {
        let file = self.find(number)?.file.clone();
        if index(lowest) >= MOST {
            return Err(Errno::INVALID);
        }
        let free = self.free_from(index(lowest)).ok_or(Errno::TOO_MANY_OPEN)?;
        let descriptor = Descriptor {
            file,
            close_on_exec,
        };
        self.put(free, descriptor)
    }

    /// Makes `to` a descriptor of the open file of another one; what it was before
    /// is closed.
    ///
    /// # Errors
    ///
    /// EBADF: one of them is no descriptor, or may not be; ENOMEM.
    pub fn replace(&mut self, number: u64, to: u64, close_on_exec: bool) -> Result<u64, Errno> {
        let file = self.find(number)?.file.clone();
        if index(to) >= MOST {
            return Err(Errno::BAD_FILE);
        }
        let descriptor = Descriptor {
            file,
            close_on_exec,
        };
        self.put(index(to), descriptor)
    }

    /// Whether `execve` closes a descriptor.
    ///
    /// # Errors
    ///
    /// EBADF: it is none.
    pub fn close_on_exec(&self, number: u64) -> Result<bool, Errno> {
        Ok(self.find(number)?.close_on_exec)
    }

    /// Says whether `execve` closes a descriptor.
    ///
    /// # Errors
    ///
    /// EBADF: it is none.
    pub fn set_close_on_exec(&mut self, number: u64, close: bool) -> Result<(), Errno> {
        let place = self.places.get_mut(index(number)).and_then(Option::as_mut);
        place.ok_or(Errno::BAD_FILE)?.close_on_exec = close;
        Ok(())
    }

    fn find(&self, number: u64) -> Result<&Descriptor, Errno> {
        let place = self.places.get(index(number)).and_then(Option::as_ref);
        place.ok_or(Errno::BAD_FILE)
    }

    /// The first free place from `lowest` on, if one may still be used.
    fn free_from(&self, lowest: usize) -> Option<usize> {
        let is_free = |index: &usize| self.places.get(*index).is_none_or(Option::is_none);
        (lowest..MOST).find(is_free)
    }

    fn put(&mut self, index: usize, descriptor: Descriptor) -> Result<u64, Errno> {
        if index >= self.places.len() {
            let more = index + 1 - self.places.len();
            self.places
                .try_reserve(more)
                .map_err(|_| Errno::NO_MEMORY)?;
            self.places.resize(index + 1, None);
        }
        self.places[index] = Some(descriptor);
        Ok(index as u64)
    }
}

/// Where the descriptor of this number stands. Programs pass an `int`, whose upper
/// half says nothing.
const fn index(number: u64) -> usize {
    number as u32 as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::shared_memory::SharedMemory;
    use crate::spaces;
    use memory::object::ObjectId;

    fn memfd() -> (OpenFile, ObjectId) {
        let memory = SharedMemory::new().expect("a frame for its record");
        let object = memory.object();
        let flags = OpenFlags::READ_WRITE;
        (OpenFile::new(File::SharedMemory(memory), flags), object)
    }

    fn is_there(object: ObjectId) -> bool {
        spaces::memory().object(object).is_some()
    }

    fn standard() -> Descriptors {
        Descriptors::standard().expect("room on the heap")
    }

    #[test_case]
    fn the_lowest_free_number_is_given_up_to_the_limit() {
        let mut descriptors = standard();
        assert_eq!(descriptors.close(1), Ok(()));
        assert_eq!(descriptors.close(1), Err(Errno::BAD_FILE));
        assert_eq!(descriptors.duplicate(0, 0, false), Ok(1));
        assert_eq!(descriptors.duplicate(0, 0, false), Ok(3));
        assert_eq!(descriptors.duplicate(0, 1023, false), Ok(1023));
        assert_eq!(
            descriptors.duplicate(0, 1023, false),
            Err(Errno::TOO_MANY_OPEN)
        );
        assert_eq!(descriptors.duplicate(0, 1024, false), Err(Errno::INVALID));
        assert_eq!(descriptors.replace(0, 1024, false), Err(Errno::BAD_FILE));
        for number in 4..1023 {
            assert_eq!(descriptors.duplicate(0, 0, false), Ok(number));
        }
        let (file, object) = memfd();
        assert_eq!(descriptors.open(file, false), Err(Errno::TOO_MANY_OPEN));
        assert!(!is_there(object));
    }

    #[test_case]
    fn a_file_goes_with_its_last_descriptor() {
        let mut parent = standard();
        let (file, object) = memfd();
        assert_eq!(parent.open(file, false), Ok(3));
        assert_eq!(parent.duplicate(3, 0, false), Ok(4));
        let mut child = parent.fork().expect("room on the heap");
        assert_eq!(parent.close(3), Ok(()));
        assert_eq!(parent.replace(0, 4, false), Ok(4));
        assert!(is_there(object));
        assert_eq!(child.close(3), Ok(()));
        assert!(is_there(object));
        drop(child);
        assert!(!is_there(object));
    }

    #[test_case]
    fn parent_and_child_move_the_same_position() {
        let mut parent = standard();
        assert_eq!(parent.open(memfd().0, false), Ok(3));
        let child = parent.fork().expect("room on the heap");
        let seek = |descriptors: &Descriptors| descriptors.get(3).map(|file| file.seek(7));
        assert_eq!(seek(&child), Ok(Ok(())));
        assert_eq!(parent.get(3).map(OpenFile::position), Ok(7));
        assert_eq!(
            parent.get(0).map(|file| file.seek(7)),
            Ok(Err(Errno::NO_POSITION))
        );
    }

    #[test_case]
    fn a_new_program_keeps_what_is_not_to_be_closed() {
        let mut descriptors = standard();
        assert_eq!(descriptors.open(memfd().0, true), Ok(3));
        assert_eq!(descriptors.duplicate(3, 0, false), Ok(4));
        assert_eq!(descriptors.duplicate(4, 0, true), Ok(5));
        assert_eq!(descriptors.set_close_on_exec(5, false), Ok(()));
        descriptors.exec();
        let open = [0, 3, 4, 5].map(|number| descriptors.get(number).is_ok());
        assert_eq!(open, [true, false, true, true]);
    }

    #[test_case]
    fn shared_memory_ends_where_its_size_says_and_grows_with_zeroes() {
        let (file, object) = memfd();
        assert_eq!(file.write_at(5000, &[]), Ok(0));
        assert_eq!(file.size(), 0);
        assert_eq!(file.write_at(4094, &[1, 2, 3]), Ok(3));
        assert_eq!(file.size(), 4097);
        let mut bytes = [9; 6];
        assert_eq!(file.read_at(4092, &mut bytes), Ok(5));
        assert_eq!(bytes, [0, 0, 1, 2, 3, 9]);
        let File::SharedMemory(memory) = file.file() else {
            panic!("it is shared memory");
        };
        assert_eq!(memory.resize(4095), Ok(()));
        let pages = |memory: &memory::Memory| memory.object(object).map(|it| it.pages);
        assert_eq!(pages(spaces::memory()), Some(1));
        // Behind the end, where a mapping can write.
        let behind = spaces::memory().write_object(object, 4095, &[7]);
        assert_eq!(behind, Ok(()));
        assert_eq!(memory.resize(3 << 20), Ok(()));
        assert_eq!(file.read_at(4092, &mut bytes), Ok(6));
        assert_eq!(bytes, [0, 0, 1, 0, 0, 0]);
        assert_eq!(pages(spaces::memory()), Some(768));
        assert_eq!(file.read_at(3 << 20, &mut bytes), Ok(0));
        assert_eq!(
            file.write_at(i64::MAX as u64, &[1]),
            Err(Errno::FILE_TOO_LARGE)
        );
    }
}
