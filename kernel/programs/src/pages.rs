//! Memory that a program has mapped for what it wants to show, and objects.
//!
//! What must always hold: no Rust value lies in these pages, and each access is one
//! of the machine, a byte wide. So they may be discarded, protected or changed by
//! another process at any time; an access that their rights forbid ends the program
//! by a signal.

#![allow(unsafe_code)] // Accesses by address, and calls that change the pages.

use crate::calls;
use crate::errno::Errno;
use crate::faults::PAGE;

/// The most pages that [`Pages::resident`] looks at.
const MOST: usize = 256;

/// Pages in a row.
#[derive(Debug)]
pub struct Pages {
    start: usize,
    count: usize,
}

impl Pages {
    /// Maps new pages of zeroes that only this process has; see [`calls::map`] for
    /// further flags.
    pub fn anonymous(count: usize, flags: usize) -> Result<Self, Errno> {
        let flags = calls::PRIVATE | calls::ANONYMOUS | flags;
        Self::map(count, flags, usize::MAX)
    }

    /// Maps the first pages of an object, [`SHARED`](calls::SHARED) or
    /// [`PRIVATE`](calls::PRIVATE).
    pub fn of(object: &Object, count: usize, flags: usize) -> Result<Self, Errno> {
        Self::map(count, flags, object.0)
    }

    fn map(count: usize, flags: usize, file: usize) -> Result<Self, Errno> {
        let start = calls::map(count * PAGE, calls::READ | calls::WRITE, flags, file)?;
        Ok(Self { start, count })
    }

    /// Takes over pages of which the program knows otherwise.
    ///
    /// # Safety
    ///
    /// They are whole pages that may be read and written, and nobody else uses them.
    #[must_use]
    pub unsafe fn at(start: usize, count: usize) -> Self {
        Self { start, count }
    }

    /// How many pages there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// The address of the first byte.
    #[must_use]
    pub fn start(&self) -> usize {
        self.start
    }

    fn byte(&self, offset: usize) -> *mut u8 {
        assert!(
            offset < self.count * PAGE,
            "byte {offset} of {} pages",
            self.count
        );
        (self.start + offset) as *mut u8
    }

    /// Reads a byte.
    #[must_use]
    pub fn read(&self, offset: usize) -> u8 {
        // SAFETY: the byte lies in these pages, where no Rust value lies.
        unsafe { self.byte(offset).read_volatile() }
    }

    /// Writes a byte.
    pub fn write(&self, offset: usize, value: u8) {
        // SAFETY: as above.
        unsafe { self.byte(offset).write_volatile(value) }
    }

    /// How many of the pages are resident.
    pub fn resident(&self) -> Result<u64, Errno> {
        let mut bytes = [0; MOST];
        let bytes = &mut bytes[..self.count];
        calls::residency(self.start, bytes)?;
        Ok(bytes.iter().filter(|byte| **byte & 1 == 1).count() as u64)
    }

    /// Forgets what is in one page.
    pub fn discard(&self, page: usize) -> Result<(), Errno> {
        assert!(page < self.count);
        // SAFETY: no Rust value lies in it.
        unsafe { calls::discard(self.start + page * PAGE, PAGE) }
    }

    /// Gives one page other rights.
    pub fn protect(&self, page: usize, rights: usize) -> Result<(), Errno> {
        assert!(page < self.count);
        // SAFETY: no Rust value lies in it.
        unsafe { calls::protect(self.start + page * PAGE, PAGE, rights) }
    }

    /// Makes them more or fewer; what is in the first ones stays.
    pub fn resize(&mut self, count: usize) -> Result<(), Errno> {
        // SAFETY: no Rust value lies in them, and their address is known here only.
        self.start = unsafe { calls::resize(self.start, self.count * PAGE, count * PAGE) }?;
        self.count = count;
        Ok(())
    }

    /// Gives them back, and returns where they were.
    pub fn unmap(self) -> Result<usize, Errno> {
        // SAFETY: no Rust value lies in them, and nobody can use them any more.
        unsafe { calls::unmap(self.start, self.count * PAGE) }?;
        Ok(self.start)
    }
}

/// Memory that belongs to no address space, and can be mapped into several.
#[derive(Debug)]
pub struct Object(usize);

impl Object {
    /// An object of so many pages of zeroes.
    pub fn new(pages: usize) -> Result<Self, Errno> {
        let object = Self(calls::object(c"object")?);
        calls::set_size(object.0, pages * PAGE)?;
        Ok(object)
    }

    /// Reads a byte by a system call, without a mapping.
    pub fn read(&self, offset: usize) -> Result<u8, Errno> {
        let mut byte = [0];
        calls::read_at(self.0, &mut byte, offset)?;
        Ok(byte[0])
    }
}
