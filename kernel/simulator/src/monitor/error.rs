//! Why a command did nothing: what was wrong, and what would be right. In the kernel's words.

use alloc::boxed::Box;
use core::fmt;

use line::number::NumberError;
use line::words::Unclosed;
use memory::Access;
use memory::audit::Broken;
use memory::frames::OutOfFrames;
use memory::slot::SetSlotsError;
use memory::space::{
    AllocateError, DiscardError, ForkError, FreeError, FreeRangeError, ProtectError,
};
use memory::words::Count;
use x86_64::VirtAddr;

use crate::account::unit::Address;
use crate::machine::{Machine, Refused};
use crate::whereabouts::Whereabouts;

/// Why a command failed. It has changed nothing then, but where
/// [`Stopped`](Self::Stopped) says how far it came.
#[derive(Debug)]
pub(super) enum Error<'a> {
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
    /// The processor refused the first access.
    Refused(Box<Refusal>),
    /// The processor refused an access after so many of so many.
    Stopped(&'static str, u64, u64, Box<Refusal>),
    /// `alloc` or `guard`.
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
    /// There are so many spaces, as many as there may be.
    TooManySpaces(usize),
    /// There is no space of this number.
    NoSpace(u64),
    /// The space of this number is the one that is loaded.
    CurrentSpace(u64),
    /// `audit`.
    Audit(Broken),
    /// `restart`.
    Slots(SetSlotsError),
}

/// An access that the processor refused, and where.
#[derive(Debug)]
pub(super) struct Refusal {
    access: Access,
    address: u64,
    why: Refused,
    place: Whereabouts,
}

impl Refusal {
    /// Boxed, since it is large.
    pub(super) fn new(machine: &Machine, access: Access, address: u64, why: Refused) -> Box<Self> {
        let address = match why {
            Refused::PageFault(fault, _) | Refused::OutOfFrames(fault, _) => fault.address.as_u64(),
            Refused::NotCanonical | Refused::Astray(..) => address,
        };
        let at = VirtAddr::new_truncate(address);
        Box::new(Self {
            access,
            address,
            why,
            place: Whereabouts::of(machine.half_of(at), at),
        })
    }
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

from!(
    Unclosed => Unclosed,
    AllocateError => Allocate,
    FreeError => Free,
    FreeRangeError => FreeRange,
    ProtectError => Protect,
    DiscardError => Discard,
    OutOfFrames => SpaceFrames,
    ForkError => Fork,
    Broken => Audit,
    SetSlotsError => Slots
);

impl fmt::Display for Error<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
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
            Self::OutOfRange(what, value, low, high) => write!(
                f,
                "{what}: {value} is out of range: {low} to {high} is right"
            ),
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
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Stopped(what, done, of, refusal) => write!(
                f,
                "{what} stopped after {done} of {of}, which stay done: {refusal}"
            ),
            Self::Allocate(error) => error.fmt(f),
            Self::Free(error) => error.fmt(f),
            Self::FreeRange(error) => error.fmt(f),
            Self::Protect(error) => error.fmt(f),
            Self::Discard(error) => error.fmt(f),
            Self::SpaceFrames(error) => error.fmt(f),
            Self::Fork(error) => error.fmt(f),
            Self::TooManySpaces(most) => write!(
                f,
                "there are {most} spaces, and no room for more: `space free <n>` makes some"
            ),
            Self::NoSpace(number) => write!(
                f,
                "there is no space {number}: `spaces` lists those there are"
            ),
            Self::CurrentSpace(number) => write!(
                f,
                "space {number} is the current one: switch to another before it is freed"
            ),
            Self::Audit(broken) => broken.fmt(f),
            Self::Slots(error) => error.fmt(f),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tried = match self.access {
            Access::Read => "read of",
            Access::Write => "write to",
            Access::Execute => "fetch from",
        };
        write!(f, "{tried} {} was refused: ", Address(self.address))?;
        match self.why {
            Refused::NotCanonical => {
                return f.write_str(
                    "#GP, since the address is not canonical: bits 48 to 63 must be the same as bit 47",
                );
            }
            Refused::Astray(physical, what) => {
                return write!(
                    f,
                    "a stale translation leads to {physical:#x}, which is {} memory by now",
                    what.name()
                );
            }
            Refused::PageFault(_, refusal) => refusal.fmt(f)?,
            Refused::OutOfFrames(_, shortage) => write!(
                f,
                "{}: {} needed, {} may be handed out",
                memory::Refusal::OutOfFrames,
                Count(shortage.needed, "frame"),
                shortage.available
            )?,
        }
        write!(f, "; the address is {}", self.place)
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
