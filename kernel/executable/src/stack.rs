//! What a program finds on its stack, by the System V ABI for x86-64
//! (section 3.4.1), laid out as Linux does.
//!
//! ```text
//!  top ─>  8 bytes of zeroes
//!          the path of the program             <─ AT_EXECFN
//!          environment strings, each ended by a 0
//!          argument strings, each ended by a 0
//!          16 random bytes                     <─ AT_RANDOM
//!          up to 15 bytes left out
//!          auxiliary vector: pairs of words, the last is AT_NULL
//!          0, after the addresses of the environment strings
//!          0, after the addresses of the argument strings
//!  rsp ─>  argc; a multiple of 16
//! ```
//!
//! What must always hold: nothing is written below the stack pointer that is
//! returned, nor at or above `top`, nor anything at all if it would not fit.

use core::fmt;

use crate::Executable;
use crate::header::PROGRAM_HEADER;

/// Keys of the auxiliary vector, with Linux's numbers.
pub mod key {
    #![allow(missing_docs)] // Each is described where its value is chosen, below.
    pub const NULL: u64 = 0;
    pub const PHDR: u64 = 3;
    pub const PHENT: u64 = 4;
    pub const PHNUM: u64 = 5;
    pub const PAGESZ: u64 = 6;
    pub const BASE: u64 = 7;
    pub const FLAGS: u64 = 8;
    pub const ENTRY: u64 = 9;
    pub const UID: u64 = 11;
    pub const EUID: u64 = 12;
    pub const GID: u64 = 13;
    pub const EGID: u64 = 14;
    pub const HWCAP: u64 = 16;
    pub const CLKTCK: u64 = 17;
    pub const SECURE: u64 = 23;
    pub const RANDOM: u64 = 25;
    pub const EXECFN: u64 = 31;
}

/// Clock ticks a second, in which C libraries count.
const TICKS: u64 = 100;
const WORD: u64 = 8;
/// Pairs in the auxiliary vector when all are there.
const AUXILIARY: usize = 17;

/// What a program is started with.
#[derive(Debug, Clone, Copy)]
pub struct Start<'a> {
    /// The path by which the program was found.
    pub path: &'a [u8],
    /// `argv`: strings without a 0 in them.
    pub arguments: &'a [&'a [u8]],
    /// `envp`: the same.
    pub environment: &'a [&'a [u8]],
    /// Bytes for stack protectors and the like.
    pub random: [u8; 16],
    /// What the processor can do: EDX of CPUID's leaf 1.
    pub hardware: u32,
}

/// Why no stack was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StackError<E> {
    /// There is too much (`E2BIG`).
    TooLarge {
        /// Bytes needed.
        needed: u64,
        /// Bytes that there may be.
        most: u64,
    },
    /// A byte could not be written.
    Write(E),
}

impl<E: core::error::Error> core::error::Error for StackError<E> {}

impl<E: fmt::Display> fmt::Display for StackError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { needed, most } => write!(
                f,
                "arguments and environment take {needed} bytes of the stack: they may take {most}"
            ),
            Self::Write(error) => error.fmt(f),
        }
    }
}

impl Start<'_> {
    /// Writes the stack of `executable` below `top`, a multiple of 16, in at most
    /// `most` bytes, and returns the stack pointer.
    ///
    /// `write` is handed addresses and what they are to hold, from the top down.
    ///
    /// # Errors
    ///
    /// See [`StackError`]. After the first error of `write` there is no further call.
    pub fn write<E>(
        &self,
        executable: &Executable,
        top: u64,
        most: u64,
        mut write: impl FnMut(u64, &[u8]) -> Result<(), E>,
    ) -> Result<u64, StackError<E>> {
        let strings = [self.arguments, self.environment, &[self.path]];
        let lengths = strings.iter().flat_map(|list| list.iter());
        let bytes: u64 = lengths.map(|string| string.len() as u64 + 1).sum();
        let random_up_to_top = self.random.len() as u64 + bytes + WORD;
        // argc, the two lists with their ends, the pairs.
        let addresses = self.arguments.len() + self.environment.len();
        let words = (1 + addresses + 2 + 2 * AUXILIARY) as u64;
        let needed = (random_up_to_top + words * WORD).next_multiple_of(16);
        if needed > most.min(top) {
            return Err(StackError::TooLarge {
                needed,
                most: most.min(top),
            });
        }
        let rsp = top - needed;

        let mut put = |address: u64, bytes: &[u8]| write(address, bytes).map_err(StackError::Write);
        let mut at = top - WORD;
        put(at, &[0; WORD as usize])?;
        let path = at - self.path.len() as u64 - 1;
        for string in strings.iter().rev().flat_map(|list| list.iter().rev()) {
            at -= 1;
            put(at, &[0])?;
            at -= string.len() as u64;
            put(at, string)?;
        }
        let first_string = at;
        let random = at - self.random.len() as u64;
        put(random, &self.random)?;

        // The words: the pairs at once, the others from the last to the first.
        let auxiliary = self.auxiliary(executable, path, random);
        let auxiliary = auxiliary.map(|pair| pair.map(u64::to_le_bytes));
        let auxiliary = auxiliary.as_flattened().as_flattened();
        at = rsp + words * WORD - auxiliary.len() as u64;
        put(at, auxiliary)?;
        let mut push = |word: u64| {
            at -= WORD;
            put(at, &word.to_le_bytes())
        };
        let mut string = path;
        for list in [self.environment, self.arguments] {
            push(0)?;
            for entry in list.iter().rev() {
                string -= entry.len() as u64 + 1;
                push(string)?;
            }
        }
        debug_assert_eq!(string, first_string);
        push(self.arguments.len() as u64)?;
        debug_assert_eq!(at, rsp);
        Ok(rsp)
    }

    /// The auxiliary vector.
    fn auxiliary(&self, executable: &Executable, path: u64, random: u64) -> [[u64; 2]; AUXILIARY] {
        [
            // Where the program headers are, for thread-local storage and for a
            // program that relocates itself; 0 if no segment brings them along.
            [key::PHDR, executable.headers.unwrap_or(0)],
            [key::PHENT, PROGRAM_HEADER],
            [key::PHNUM, executable.header_count.into()],
            [key::PAGESZ, crate::PAGE],
            // A dynamic linker would lie there.
            [key::BASE, 0],
            [key::FLAGS, 0],
            [key::ENTRY, executable.entry],
            // There is one user, who may do everything, and no program runs with
            // other rights than those of whoever started it.
            [key::UID, 0],
            [key::EUID, 0],
            [key::GID, 0],
            [key::EGID, 0],
            [key::SECURE, 0],
            [key::HWCAP, self.hardware.into()],
            [key::CLKTCK, TICKS],
            [key::RANDOM, random],
            [key::EXECFN, path],
            [key::NULL, 0],
        ]
    }
}
