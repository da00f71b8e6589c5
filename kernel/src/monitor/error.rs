//! Why a command did nothing: what was wrong, and what would be right.

use core::fmt;

use alloc::collections::TryReserveError;
use line::LONGEST;
use line::number::NumberError;
use line::words::Unclosed;
use memory::frames::{OutOfFrames, Shortage};
use memory::object::CreateError;
use memory::space::{
    AllocateError, DiscardError, ForkError, FreeError, FreeRangeError, ProtectError,
};
use memory::words::Count;
use x86_64::VirtAddr;

use super::refusal::Refusal;
use crate::account::unit::Address;
use crate::console::input::Cancelled;
use crate::crash::CRASHES;
use crate::files::FilesError;
use crate::files::cache::CacheError;
use crate::process::Id;
use crate::process::load::StartError;
use crate::spaces::AuditError;
use crate::tour::TOURS;

/// Why a command failed. It has changed nothing then, but where
/// [`Stopped`](Self::Stopped) and [`CancelledAfter`](Self::CancelledAfter) say how far it came.
#[derive(Debug)]
pub enum Error<'a> {
    /// The line has so many characters.
    TooLong(u64),
    /// The line holds this byte.
    Garbage(u8),
    /// The line has a quote that is not closed.
    Unclosed(Unclosed),
    /// No command has this name; the second one is the nearest that does.
    UnknownCommand(&'a str, &'static str),
    /// This argument is missing from a command of that usage.
    Missing(&'static str, &'static str),
    /// A command of that usage takes no such argument here.
    Surplus(&'a str, &'static str),
    /// The second word says what the first has said already, or contradicts it.
    Twice(&'a str, &'a str),
    /// The word, an argument of this name, is no number.
    Number(&'static str, &'a str, NumberError),
    /// The argument of this name is out of its range, which is the last two.
    OutOfRange(&'static str, u64, u64, u64),
    /// The word, an argument of this name, is not one of those allowed there.
    NotOneOf(&'static str, &'a str, &'static str),
    /// The number is no virtual address.
    NotCanonical(u64),
    /// So many bytes from this address on reach past the last address.
    PastTheEnd(u64, u64),
    /// The address is the kernel's own.
    KernelHalf(u64),
    /// This device memory is the kernel's; it is mapped there under that name.
    KernelDevice(u64, &'static str, VirtAddr),
    /// The processor refused the first access.
    Refused(Refusal),
    /// The processor refused an access after so many of so many.
    Stopped(&'static str, u64, u64, Refusal),
    /// `alloc`, `mmio` or `guard`.
    Allocate(AllocateError),
    /// `free <address>`.
    Free(FreeError),
    /// `free <address> <size>`.
    FreeRange(FreeRangeError),
    /// `protect`.
    Protect(ProtectError),
    /// `discard`.
    Discard(DiscardError),
    /// `space new`.
    SpaceFrames(OutOfFrames),
    /// `space fork`.
    Fork(ForkError),
    /// `space new` or `space fork`, of which the kernel heap has no room for a place.
    SpaceRoom(TryReserveError),
    /// There are so many spaces, as many as there may be.
    TooManySpaces(usize),
    /// There is no space of this number.
    NoSpace(u64),
    /// The space of this number is the one that is loaded.
    CurrentSpace(u64),
    /// `object <size>`.
    Create(CreateError),
    /// There are so many objects, as many as may be made.
    TooManyObjects(usize),
    /// There is no object of this number.
    NoObject(u64),
    /// The object of this number was not made here.
    ForeignObject(u64),
    /// So many regions map the object of this number.
    MappedObject(u64, u64),
    /// The file of this name is to be written to.
    ReadOnlyFile(&'a str),
    /// The offset is no page of an object of so many.
    Offset(u64, u64),
    /// The page cache.
    Cache(CacheError),
    /// `audit`.
    Audit(AuditError),
    /// The archive of files.
    Archive(FilesError),
    /// The archive has no file of this name.
    NoFile(&'a str),
    /// The file of this name is not run.
    Start(&'static str, StartError),
    /// The process of this number was stopped, and there is one foreground.
    StoppedProgram(Id),
    /// There is nothing for `fg`.
    NothingStopped,
    /// There is no process of this number that has memory.
    NoProcess(u64),
    /// Every process waits for another one.
    Stuck,
    /// No tour has this name.
    NoTour(&'a str),
    /// No crash has this name.
    NoCrash(&'a str),
    /// Ctrl-C ended the command.
    Cancelled,
    /// Ctrl-C ended the command after so many of so many accesses.
    CancelledAfter(&'static str, u64, u64),
    /// There are fewer frames than this needs.
    FewFrames(&'static str, Shortage),
}

macro_rules! from {
    ($($source:ty => $variant:ident),*) => {
        $(impl From<$source> for Error<'_> {
            fn from(error: $source) -> Self {
                Self::$variant(error)
            }
        })*
    };
}

impl From<Cancelled> for Error<'_> {
    fn from(Cancelled: Cancelled) -> Self {
        Self::Cancelled
    }
}

from!(
    Unclosed => Unclosed,
    AllocateError => Allocate,
    FreeError => Free,
    FreeRangeError => FreeRange,
    ProtectError => Protect,
    DiscardError => Discard,
    OutOfFrames => SpaceFrames,
    ForkError => Fork,
    CreateError => Create,
    CacheError => Cache,
    AuditError => Audit,
    FilesError => Archive
);

impl fmt::Display for Error<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong(length) => write!(
                f,
                "the line has {length} characters, and a line has at most {LONGEST}"
            ),
            Self::Garbage(byte) => write!(
                f,
                "the line holds the byte {byte:#04x}: commands are printable ASCII"
            ),
            Self::Unclosed(error) => error.fmt(f),
            Self::UnknownCommand(name, nearest) => write!(
                f,
                "there is no command {}: did you mean `{nearest}`? `help` lists all",
                Quoted(name)
            ),
            Self::Missing(what, usage) => write!(f, "{what} is missing: {usage}"),
            Self::Surplus(word, usage) => {
                write!(f, "{} is one word too many: {usage}", Quoted(word))
            }
            Self::Twice(first, second) => write!(
                f,
                "{} and {} are two words for the same: one of them is right",
                Quoted(first),
                Quoted(second)
            ),
            Self::Number(what, word, error) => write!(f, "{what}: {} {error}", Quoted(word)),
            Self::OutOfRange(what, value, low, high) => {
                write!(
                    f,
                    "{what}: {value} is out of range: {low} to {high} is right"
                )
            }
            Self::NotOneOf(what, word, choices) => {
                write!(f, "{what}: {} is none of {choices}", Quoted(word))
            }
            Self::NotCanonical(number) => write!(
                f,
                "{} is no address: bits 48 to 63 must all be the same as bit 47",
                Address(*number)
            ),
            Self::PastTheEnd(start, count) => write!(
                f,
                "{} from {} on reach past the last address there is",
                Count(*count, "byte"),
                Address(*start)
            ),
            Self::KernelHalf(address) => write!(
                f,
                "{} is in the kernel half, which is the kernel's own: only `read`, `touch ... r` and `walk` go there",
                Address(*address)
            ),
            Self::KernelDevice(start, label, base) => write!(
                f,
                "the device memory at {} is the kernel's own, its {label} at {}: map another device's",
                Address(*start),
                Address::from(*base)
            ),
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Stopped(what, done, of, refusal) => {
                write!(
                    f,
                    "{what} stopped after {done} of {of}, which stay done: {refusal}"
                )
            }
            Self::Allocate(error) => error.fmt(f),
            Self::Free(error) => error.fmt(f),
            Self::FreeRange(error) => error.fmt(f),
            Self::Protect(error) => error.fmt(f),
            Self::Discard(error) => error.fmt(f),
            Self::SpaceFrames(error) => error.fmt(f),
            Self::Fork(error) => error.fmt(f),
            Self::SpaceRoom(error) => write!(f, "no room on the heap for a space: {error}"),
            Self::TooManySpaces(most) => write!(
                f,
                "there are {most} spaces, and no room for more: `space free <n>` makes some"
            ),
            Self::NoSpace(number) => {
                write!(
                    f,
                    "there is no space {number}: `spaces` lists those there are"
                )
            }
            Self::CurrentSpace(number) => write!(
                f,
                "space {number} is the current one: switch to another before it is freed"
            ),
            Self::Create(error) => error.fmt(f),
            Self::TooManyObjects(most) => write!(
                f,
                "{most} objects were made, and no more may be: `object free <n>` makes room"
            ),
            Self::NoObject(number) => write!(
                f,
                "there is no object {number}: `objects` lists those there are"
            ),
            Self::ForeignObject(number) => write!(
                f,
                "object {number} was not made by `object`: it goes with the last who uses it, or when frames are short"
            ),
            Self::MappedObject(number, regions) => write!(
                f,
                "object {number} has {}: free those first",
                Count(*regions, "mapping")
            ),
            Self::ReadOnlyFile(word) => write!(
                f,
                "nobody writes to the file {}: rights=r or rx are right, or `private`, which copies what is written to",
                Quoted(word)
            ),
            Self::Offset(offset, pages) => write!(
                f,
                "offset=: {} is no page of what is attached: a multiple of 4K is right, below the end of its {}",
                Address(*offset),
                Count(*pages, "page")
            ),
            Self::Cache(error) => error.fmt(f),
            Self::Audit(AuditError::Memory(error)) => {
                write!(f, "there is no memory for the notes of the audit: {error}")
            }
            Self::Audit(AuditError::Broken(broken)) => broken.fmt(f),
            Self::Archive(error) => error.fmt(f),
            Self::NoFile(word) => write!(
                f,
                "the archive has no file {}: `files` lists those there are",
                Quoted(word)
            ),
            Self::Start(name, error) => write!(f, "{}: {error}", Quoted(name)),
            Self::StoppedProgram(id) => write!(
                f,
                "process {id} is stopped: `fg` lets it go on, and Ctrl-C ends it then"
            ),
            Self::NothingStopped => {
                f.write_str("no program is stopped: Ctrl-Z stops the one that runs")
            }
            Self::NoProcess(number) => write!(
                f,
                "no process {number} has memory: `ps` lists those that there are"
            ),
            Self::Stuck => {
                f.write_str("the program waits for what nobody will do, so it was ended")
            }
            Self::NoTour(word) => {
                write!(f, "[name]: {} is none of", Quoted(word))?;
                TOURS
                    .iter()
                    .try_for_each(|tour| write!(f, " {}", tour.name))
            }
            Self::NoCrash(word) => {
                write!(f, "<name>: {} is none of", Quoted(word))?;
                CRASHES
                    .iter()
                    .try_for_each(|crash| write!(f, " {}", crash.name))
            }
            Self::Cancelled => f.write_str("Ctrl-C ended the command"),
            Self::CancelledAfter(what, done, of) => {
                write!(
                    f,
                    "Ctrl-C ended {what} after {done} of {of}, which stay done"
                )
            }
            Self::FewFrames(what, shortage) => write!(f, "{what} {shortage}"),
        }
    }
}

/// A word that was typed, the start of it if it is long.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 40;
        match self.0.get(..SHOWN) {
            Some(start) if self.0.len() > SHOWN => write!(f, "`{start}...`"),
            _ => write!(f, "`{}`", self.0),
        }
    }
}
