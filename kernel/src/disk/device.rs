//! One disk: its queue, the reads that are under way, and one transfer that is
//! waited for.
//!
//! ```text
//!  request 0..4   reads into frames that were handed in, until `take_read` hands them out
//!  request 4      a transfer that is waited for, through the page of the desk
//! ```
//!
//! The device answers in any order, so each answer is sorted in by its token.
//! What must always hold: a request is sent only when the one before with its
//! number was answered; a frame that was handed in is the device's until then.

use core::hint::spin_loop;
use core::ptr::NonNull;

use arrayvec::ArrayVec;
use bitflags::bitflags;
use memory::frames::Frame;
use virtio_drivers::Error;
use virtio_drivers::queue::VirtQueue;
use virtio_drivers::transport::Transport;
use virtio_drivers::transport::pci::PciTransport;

use super::Ticket;
use super::desk::{Desk, Kind};
use super::dma::Dma;
use super::error::Cause;
use crate::spaces;

/// Reads that can be under way at once.
pub(super) const MOST_READS: usize = 4;
/// The request of the transfer that is waited for.
const WAITED_FOR: usize = MOST_READS;
/// Requests in all.
const REQUESTS: usize = MOST_READS + 1;
/// Places in the queue: a request takes three, and their number is a power of two.
const PLACES: usize = 16;
/// A block device has one queue, and more only when it is asked for them.
const QUEUE: u16 = 0;
/// Bytes of a serial number.
const SERIAL: usize = 20;

const _: () = assert!(3 * REQUESTS <= PLACES);

bitflags! {
    /// What is asked of a block device, by its bit.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    struct Features: u64 {
        /// The disk may only be read.
        const READ_ONLY = 1 << 5;
        /// The device keeps to version 1 of the standard.
        const VERSION_1 = 1 << 32;
    }
}

/// What a device says of a request.
pub(super) type Answer = Result<(), Cause>;

/// A disk.
pub(super) struct Device {
    // Dropped first: that resets the device, which then lets go of queue and desk.
    transport: PciTransport,
    queue: VirtQueue<Dma, PLACES>,
    desk: Desk<REQUESTS>,
    sent: [Option<Sent>; REQUESTS],
    reads: ArrayVec<Read, MOST_READS>,
    sectors: u64,
    is_read_only: bool,
}

/// A request that the device has.
#[derive(Debug, Clone, Copy)]
struct Sent {
    token: u16,
    kind: Kind,
    data: NonNull<[u8]>,
}

/// A read that was begun and not yet handed out.
struct Read {
    request: usize,
    ticket: Ticket,
    sector: u64,
    frame: Frame,
    answer: Option<Answer>,
}

// SAFETY: what the pointers point to belongs to this value alone, wherever it is:
// the desk, and the frames of `reads`.
unsafe impl Send for Device {}

impl Device {
    /// Sets a device to work.
    pub(super) fn new(mut transport: PciTransport) -> Result<Self, Error> {
        let features = transport.begin_init(Features::all());
        let sectors = transport.read_consistent(|| {
            // The first field of its configuration, in two halves.
            let low: u32 = transport.read_config_space(0)?;
            let high: u32 = transport.read_config_space(4)?;
            Ok(u64::from(high) << 32 | u64::from(low))
        })?;
        let queue = VirtQueue::new(&mut transport, QUEUE, false, false)?;
        let desk = Desk::new().ok_or(Error::DmaError)?;
        transport.finish_init();
        Ok(Self {
            transport,
            queue,
            desk,
            sent: [None; REQUESTS],
            reads: ArrayVec::new(),
            sectors,
            is_read_only: features.contains(Features::READ_ONLY),
        })
    }

    /// How many sectors it has.
    pub(super) fn sectors(&self) -> u64 {
        self.sectors
    }

    /// Whether it may only be read.
    pub(super) fn is_read_only(&self) -> bool {
        self.is_read_only
    }

    /// The serial number that it was given, filled up with zeroes.
    pub(super) fn serial(&mut self) -> Result<[u8; SERIAL], Cause> {
        self.wait_for(Kind::Serial, 0)?;
        // SAFETY: the device has answered, so the desk's page is ours; the serial lies in it.
        Ok(unsafe { self.desk.page().cast().read() })
    }

    /// Reads a page, and waits for it.
    pub(super) fn read(&mut self, sector: u64, into: &mut [u8; 4096]) -> Answer {
        self.wait_for(Kind::Read, sector)?;
        // SAFETY: the device has answered, so the desk's page is ours.
        *into = unsafe { self.desk.page().read() };
        Ok(())
    }

    /// Writes a page, and waits until that is done.
    pub(super) fn write(&mut self, sector: u64, from: &[u8; 4096]) -> Answer {
        // SAFETY: a request with this page is waited for before the next begins.
        unsafe { self.desk.page().write(*from) };
        self.wait_for(Kind::Write, sector)
    }

    /// Begins to read a page into a frame.
    pub(super) fn begin_read(
        &mut self,
        sector: u64,
        frame: Frame,
        ticket: Ticket,
    ) -> Result<(), (Cause, Frame)> {
        let is_used = |request: &usize| self.reads.iter().any(|read| read.request == *request);
        let Some(request) = (0..MOST_READS).find(|request| !is_used(request)) else {
            return Err((Cause::Full, frame));
        };
        let page = spaces::memory().direct_map().address_of(frame.start());
        let page = NonNull::new(page.as_mut_ptr::<[u8; 4096]>());
        let page = page.expect("the direct map begins above 0");
        // SAFETY: no read has this number. The frame is owned, so nobody else
        // uses it, and it stays in `reads` until the device has answered.
        unsafe { self.send(request, Kind::Read, sector, page) };
        self.reads.push(Read {
            request,
            ticket,
            sector,
            frame,
            answer: None,
        });
        Ok(())
    }

    /// Hands out the first of the reads whose answer has come: its ticket, its
    /// sector, its frame, and the answer.
    pub(super) fn take_read(&mut self) -> Option<(Ticket, u64, Frame, Answer)> {
        while self.sort_in().is_some() {}
        let index = self.reads.iter().position(|read| read.answer.is_some())?;
        let read = self.reads.remove(index);
        Some((read.ticket, read.sector, read.frame, read.answer?))
    }

    /// How many reads were begun and not handed out.
    pub(super) fn reads(&self) -> usize {
        self.reads.len()
    }

    /// Sends the one request that is waited for, with the desk's page as its data.
    fn wait_for(&mut self, kind: Kind, sector: u64) -> Answer {
        // SAFETY: the one before was waited for, and so was its page.
        unsafe { self.send(WAITED_FOR, kind, sector, self.desk.page()) };
        loop {
            match self.sort_in() {
                Some((WAITED_FOR, answer)) => return answer,
                // A read that is under way, whose turn comes later.
                Some(_) => {}
                None => spin_loop(),
            }
        }
    }

    /// Sends a request.
    ///
    /// # Safety
    ///
    /// The last request of this number was answered. The page lies in the direct
    /// map, and is the device's until it has answered.
    unsafe fn send(&mut self, request: usize, kind: Kind, sector: u64, page: NonNull<[u8; 4096]>) {
        let length = if kind == Kind::Serial { SERIAL } else { 4096 };
        let data = NonNull::slice_from_raw_parts(page.cast::<u8>(), length);
        // SAFETY: the last request of this number was answered, as the caller vouches.
        unsafe { self.desk.fill_in(request, kind, sector) };
        // SAFETY: the desk and the page stay where they are, and nobody uses
        // them until `sort_in` has popped the token.
        let added = unsafe {
            with_buffers(&mut self.desk, request, kind, data, |inputs, outputs| {
                self.queue.add(inputs, outputs)
            })
        };
        let token = added.expect("the queue has three places for each request");
        self.sent[request] = Some(Sent { token, kind, data });
        // Always, since the device may have fallen asleep this moment.
        self.transport.notify(QUEUE);
    }

    /// Takes the next answer, if there is one: to which request, and what it says. That of a
    /// read is kept with it.
    fn sort_in(&mut self) -> Option<(usize, Answer)> {
        let token = self.queue.peek_used()?;
        let has_token = |sent: &Option<Sent>| sent.is_some_and(|sent| sent.token == token);
        let request = self.sent.iter().position(has_token);
        let request = request.expect("a disk answers what it was asked");
        let Sent { kind, data, .. } = self.sent[request].take()?;
        // SAFETY: these are the buffers that were added under this token.
        let popped = unsafe {
            with_buffers(&mut self.desk, request, kind, data, |inputs, outputs| {
                self.queue.pop_used(token, inputs, outputs)
            })
        };
        popped.expect("the token was seen just now");
        // SAFETY: the device has answered.
        let answer = match unsafe { self.desk.slices(request) }.1 {
            [0] => Ok(()),
            [1] => Err(Cause::Failed),
            [2] => Err(Cause::Unsupported),
            other => Err(Cause::Unknown(other[0])),
        };
        let mut reads = self.reads.iter_mut();
        if let Some(read) = reads.find(|read| read.request == request) {
            read.answer = Some(answer);
        }
        Some((request, answer))
    }
}

/// Hands the buffers of a request to `work`: what the device reads, and what it writes.
///
/// # Safety
///
/// Nobody but the device uses the desk's papers of this request and `data`.
unsafe fn with_buffers<R>(
    desk: &mut Desk<REQUESTS>,
    request: usize,
    kind: Kind,
    mut data: NonNull<[u8]>,
    work: impl for<'a> FnOnce(&'a [&'a [u8]], &'a mut [&'a mut [u8]]) -> R,
) -> R {
    // SAFETY: as the caller vouches.
    let (header, status) = unsafe { desk.slices(request) };
    match kind {
        // SAFETY: as the caller vouches.
        Kind::Write => work(&[header, unsafe { data.as_ref() }], &mut [status]),
        // SAFETY: as the caller vouches.
        Kind::Read | Kind::Serial => work(&[header], &mut [unsafe { data.as_mut() }, status]),
    }
}
