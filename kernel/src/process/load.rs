//! From a file to a space that its program can run in.
//!
//! ```text
//!   0x1_0000         ...       0x7fff_fff...
//!   │ text │ data │ zeroes ─> heap        <─ mappings │ guard │ stack │
//!     file   file   zero-backed                                 zero-backed
//! ```
//!
//! A segment is a private mapping of the file: its pages are the page cache's until
//! the program writes to them. What must always hold: no page of a program is read,
//! copied or zeroed before it is touched, but for the top of its stack, where its
//! arguments are written, and the first page of a file on a disk; and what cannot be loaded leaves nothing behind.

use core::arch::x86_64::__cpuid;
use core::error::Error;
use core::fmt;

use executable::stack::{StackError, Start};
use executable::{Executable, HEAD, Room, Segment};
use memory::Space;
use memory::frames::OutOfFrames;
use memory::object::Sharing;
use memory::space::{AllocateError, Backing, BytesError, Placement, Request, Rights};
use x86_64::VirtAddr;

use super::calls::random;
use super::{Heap, Id, KERNEL, Processes, SpawnError};
use crate::cpu::ring3::{Context, END};
use crate::files::Contents;
use crate::files::cache::{self, CacheError};
use crate::growing::{LOWEST, STACK_LIMIT};
use crate::spaces;

/// Bytes of a page.
const PAGE: u64 = 4096;
/// The end of the stack: Linux, too, leaves the last page of the low half out.
pub const STACK_END: u64 = END - PAGE;
/// Bytes of the stack.
pub const STACK_SIZE: u64 = STACK_LIMIT;
/// Bytes below the stack where every access is refused, so that an overflow meets
/// nothing else.
pub const STACK_GUARD: u64 = 1 << 20;
/// Bytes of the stack that arguments and environment may have, with their addresses.
pub const MOST_ARGUMENTS: u64 = STACK_SIZE / 4;

/// Where a program's segments may lie.
const ROOM: Room = Room {
    start: LOWEST,
    end: STACK_END - STACK_SIZE - STACK_GUARD,
    base: 0x5555_5555_4000,
};

/// A program that is ready for its first instruction.
#[derive(Debug)]
#[must_use = "its space keeps its frames until it is destroyed"]
pub struct Loaded {
    /// Its memory, which is not loaded.
    pub space: Space,
    /// Its registers.
    pub context: Context,
    /// The end of its segments: where its heap (`brk`) begins.
    pub heap: VirtAddr,
}

/// Why a program was not started. Nothing has changed then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartError {
    /// It cannot be loaded.
    Load(LoadError),
    /// There is no room for a process.
    Spawn(SpawnError),
}

impl Error for StartError {}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Load(error) => error.fmt(f),
            Self::Spawn(error) => error.fmt(f),
        }
    }
}

impl Processes {
    /// Adds a process that is ready to run the program in the file of this name.
    ///
    /// # Errors
    ///
    /// See [`StartError`].
    pub fn start(
        &mut self,
        name: &'static str,
        contents: impl Into<Contents>,
        arguments: &[&[u8]],
        environment: &[&[u8]],
    ) -> Result<Id, StartError> {
        let loaded = load(contents.into(), name.as_bytes(), arguments, environment);
        let Loaded {
            space,
            context,
            heap,
        } = loaded.map_err(StartError::Load)?;
        let id = self.spawn(KERNEL, space, context, Heap::behind(heap));
        let id = id.map_err(StartError::Spawn)?;
        if let Some(process) = self.table.get_mut(id) {
            process.program = name;
        }
        Ok(id)
    }
}

/// Why a file is not run. Nothing has changed then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoadError {
    /// It is no program, or one that cannot run here.
    File(executable::Error),
    /// The page cache has no room for it.
    Cache(CacheError),
    /// There is no frame for its space.
    Space(OutOfFrames),
    /// One of its regions cannot be had.
    Region(AllocateError),
    /// Its arguments do not fit on its stack.
    Stack(StackError<BytesError>),
}

impl Error for LoadError {}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => error.fmt(f),
            Self::Cache(error) => error.fmt(f),
            Self::Space(error) => error.fmt(f),
            Self::Region(error) => error.fmt(f),
            Self::Stack(error) => error.fmt(f),
        }
    }
}

macro_rules! from {
    ($($source:ty => $variant:ident),*) => {
        $(impl From<$source> for LoadError {
            fn from(error: $source) -> Self {
                Self::$variant(error)
            }
        })*
    };
}

from!(
    executable::Error => File,
    CacheError => Cache,
    OutOfFrames => Space,
    AllocateError => Region,
    StackError<BytesError> => Stack
);

/// Makes a space for the program in a file, which was found by `path`, and writes
/// its arguments and its environment onto its stack. Of the file only the first
/// page is looked at.
///
/// # Errors
///
/// See [`LoadError`].
pub fn load(
    contents: Contents,
    path: &[u8],
    arguments: &[&[u8]],
    environment: &[&[u8]],
) -> Result<Loaded, LoadError> {
    let executable = parse(contents)?;
    let start = Start {
        path,
        arguments,
        environment,
        random: [random(), random()]
            .map(u64::to_le_bytes)
            .as_flattened()
            .try_into()
            .expect("two words are 16 bytes"),
        hardware: __cpuid(1).edx,
    };
    let mut space = spaces::create()?;
    match fill(&mut space, contents, &executable, &start) {
        Ok(stack_pointer) => Ok(Loaded {
            space,
            context: Context::new(
                VirtAddr::new(executable.entry),
                VirtAddr::new(stack_pointer),
            ),
            heap: VirtAddr::new(executable.end()),
        }),
        Err(error) => {
            spaces::destroy(space);
            Err(error)
        }
    }
}

/// Checks the file. What lies on a disk is read through the page cache: its first page.
fn parse(contents: Contents) -> Result<Executable, LoadError> {
    let mut first;
    let head = match contents {
        Contents::Memory(bytes) => &bytes[..bytes.len().min(HEAD)],
        Contents::Disk(_) => {
            first = [0; HEAD];
            let count = spaces::relieved(|| cache::read_bytes(contents, 0, &mut first))?;
            &first[..count]
        }
    };
    Ok(Executable::parse(head, contents.size(), ROOM)?)
}

/// Fills an empty space; returns the stack pointer.
fn fill(
    space: &mut Space,
    contents: Contents,
    executable: &Executable,
    start: &Start<'_>,
) -> Result<u64, LoadError> {
    for segment in executable.segments() {
        map(space, contents, segment)?;
    }
    let memory = spaces::memory();
    let stack = STACK_END - STACK_SIZE;
    let guard = Request::new(STACK_GUARD, Backing::Guard)
        .placement(Placement::At(VirtAddr::new(stack - STACK_GUARD)))
        .label("guard of the stack");
    space.allocate(guard, memory)?;
    let request = Request::new(STACK_SIZE, Backing::Zero)
        .placement(Placement::At(VirtAddr::new(stack)))
        .label("stack")
        .user();
    space.allocate(request, memory)?;
    let write = |address, bytes: &[u8]| space.write(VirtAddr::new(address), bytes, memory);
    Ok(start.write(executable, STACK_END, MOST_ARGUMENTS, write)?)
}

/// Maps a segment: pages of the file, then zeroes.
fn map(space: &mut Space, contents: Contents, segment: &Segment) -> Result<(), LoadError> {
    let (pages, tail) = (segment.file_pages(), segment.tail());
    // The page in which zeroes follow the file's bytes is the last one of a file
    // that ends with them.
    let shortened = contents.shortened(segment.file_bytes().end);
    let whole = if tail.is_empty() {
        pages.end
    } else {
        pages.end - PAGE
    };
    for (contents, from, end) in [
        (contents, pages.start, whole),
        (shortened, whole, pages.end),
    ] {
        if from < end {
            let backing = Backing::Object {
                object: cache::object_of(contents)?,
                offset_in_pages: (segment.offset + (from - pages.start)) / PAGE,
                sharing: Sharing::Private,
            };
            allocate(space, segment, from, end, backing)?;
        }
    }
    let zeroes = segment.zero_pages();
    if !zeroes.is_empty() {
        allocate(space, segment, zeroes.start, zeroes.end, Backing::Zero)?;
    }
    Ok(())
}

fn allocate(
    space: &mut Space,
    segment: &Segment,
    start: u64,
    end: u64,
    backing: Backing,
) -> Result<(), LoadError> {
    let executable::Rights {
        read,
        write,
        execute,
    } = segment.rights;
    // The processor cannot write or execute what it may not read.
    let (rights, backing, label) = match (write, execute) {
        (true, _) => (Rights::ReadWrite, backing, "data"),
        (false, true) => (Rights::ReadExecute, backing, "text"),
        (false, false) if read => (Rights::Read, backing, "constants"),
        (false, false) => (Rights::Read, Backing::Guard, "no access"),
    };
    let request = Request::new(end - start, backing)
        .placement(Placement::At(VirtAddr::new(start)))
        .rights(rights)
        .label(label)
        .user();
    space.allocate(request, spaces::memory())?;
    Ok(())
}
