//! The papers of requests: memory that a device and this kernel both look at.
//!
//! ```text
//!  frame 0   header 0, status 0, header 1, status 1, ...   one pair a request
//!  frame 1   the page of a transfer that is waited for
//! ```
//!
//! A request is a header (what is to be done, and from which sector on), the data,
//! and a status that the device writes last (Virtual I/O Device 1.2, section 5.2.6).
//! What must always hold: between the moment that a device is told of them and
//! its answer, nobody here reads or writes a header, a status or their data.

use core::ptr::NonNull;

use virtio_drivers::{BufferDirection, Hal as _};

use super::dma::Dma;

/// Bytes of a page.
const PAGE: usize = 4096;
/// Frames of a desk.
const FRAMES: usize = 2;

/// What a request asks of a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Kind {
    /// Data from the disk.
    Read = 0,
    /// Data to the disk.
    Write = 1,
    /// The serial number that the disk was given, as 20 bytes of data.
    Serial = 8,
}

/// A header and a status.
#[derive(Debug)]
#[repr(C)]
struct Paper {
    header: [u8; 16],
    status: u8,
}

/// The papers of `N` requests, and a page.
#[derive(Debug)]
pub(super) struct Desk<const N: usize> {
    start: NonNull<u8>,
    physical: u64,
}

// SAFETY: the frames belong to this value alone, wherever it is.
unsafe impl<const N: usize> Send for Desk<N> {}

impl<const N: usize> Desk<N> {
    /// Takes the frames. `None` if there are none.
    pub(super) fn new() -> Option<Self> {
        const { assert!(size_of::<[Paper; N]>() <= PAGE, "all papers lie in a frame") }
        let (physical, start) = Dma::dma_alloc(FRAMES, BufferDirection::Both);
        (physical != 0).then_some(Self { start, physical })
    }

    /// The page.
    pub(super) fn page(&self) -> NonNull<[u8; PAGE]> {
        // SAFETY: there are two frames.
        unsafe { self.start.byte_add(PAGE).cast() }
    }

    /// Fills the header of a request in, and forgets the last status.
    ///
    /// # Safety
    ///
    /// No device was told of this request, or it has answered.
    pub(super) unsafe fn fill_in(&mut self, request: usize, kind: Kind, sector: u64) {
        // SAFETY: as the caller vouches, so that it is ours alone.
        let paper = unsafe { self.paper(request).as_mut() };
        paper.header[..4].copy_from_slice(&(kind as u32).to_le_bytes());
        paper.header[8..].copy_from_slice(&sector.to_le_bytes());
        paper.status = u8::MAX;
    }

    /// The header and the status of a request, to tell a device of.
    ///
    /// # Safety
    ///
    /// As for [`fill_in`](Self::fill_in); and what it returns is not used after
    /// the device was told of it.
    pub(super) unsafe fn slices<'a>(&mut self, request: usize) -> (&'a [u8], &'a mut [u8]) {
        // SAFETY: as the caller vouches; the frames stay as long as the device has them.
        let paper = unsafe { self.paper(request).as_mut() };
        (&paper.header, core::slice::from_mut(&mut paper.status))
    }

    fn paper(&self, request: usize) -> NonNull<Paper> {
        assert!(request < N, "a desk has {N} papers, and no paper {request}");
        // SAFETY: all papers lie in the first frame.
        unsafe { self.start.cast::<Paper>().add(request) }
    }
}

impl<const N: usize> Drop for Desk<N> {
    fn drop(&mut self) {
        // SAFETY: they come from `dma_alloc`. The device was reset before, as its
        // owner vouches by the order of its fields.
        unsafe { Dma::dma_dealloc(self.physical, self.start, FRAMES) };
    }
}
