//! Pages that processes wait for while others run.
//!
//! ```text
//!   fault ─> the page is on a disk ─> begin ─> State::Reading      others run
//!                                      disk ─> collect ─> State::Ready, the page is there
//! ```
//!
//! What must always hold: what is read goes into a frame that is nobody's page
//! meanwhile, and it becomes one only if the page is still in that slot, or still
//! missing in its file. When a run is
//! over, nothing is read any more.

use arrayvec::ArrayVec;
use memory::frames::{Frame, FrameKind};
use memory::{Fault, Refusal};

use super::{Id, Process, Processes, State};
use crate::disk::{self, Cause, DiskError, Ticket};
use crate::fault::{self, OnDisk, Reason};
use crate::files::cache::{self, CacheError};
use crate::spaces::{self, Parked};

/// What is read for a process.
#[derive(Debug)]
struct Read {
    ticket: Ticket,
    process: Id,
    fault: Fault,
    page: OnDisk,
}

/// All that is read now.
#[derive(Debug)]
pub(super) struct Reads(ArrayVec<Read, { disk::MOST_READS }>);

impl Reads {
    pub(super) const fn new() -> Self {
        Self(ArrayVec::new_const())
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Processes {
    /// Begins to read the page that the process that runs waits for. If it cannot wait,
    /// the page is read at once.
    ///
    /// # Errors
    ///
    /// Why the page cannot be had.
    pub(super) fn begin_read(&mut self, process: &mut Process, fault: Fault) -> Result<(), Reason> {
        let page = fault::on_disk(fault.address);
        let Some(page) = page.filter(|_| !self.reads.0.is_full()) else {
            return fault::bring(fault.address);
        };
        let memory = spaces::memory();
        let frame = spaces::relieved(|| memory.allocate_frame(FrameKind::Private));
        let frame = frame.map_err(|_| Reason::Space(Refusal::OutOfFrames))?;
        match page.begin(frame) {
            Ok(ticket) => {
                process.state = State::Reading;
                self.reads.0.push(Read {
                    ticket,
                    process: process.id,
                    fault,
                    page,
                });
                Ok(())
            }
            Err((error, frame)) => {
                memory.free_frame(frame);
                match error.cause {
                    Cause::Full => fault::bring(fault.address),
                    _ => Err(page.unreadable(error)),
                }
            }
        }
    }

    /// Lets those go on whose pages have been read.
    pub(super) fn collect_reads(&mut self) {
        while let Some((ticket, frame, result)) = disk::poll() {
            let mut reads = self.reads.0.iter();
            match reads.position(|read| read.ticket == ticket) {
                Some(index) => {
                    let read = self.reads.0.swap_remove(index);
                    self.end_read(&read, frame, result);
                }
                None => spaces::memory().free_frame(frame),
            }
        }
    }

    /// Waits until nothing is read any more.
    pub(super) fn finish_reads(&mut self) {
        while !self.reads.is_empty() {
            self.collect_reads();
        }
    }

    fn end_read(&mut self, read: &Read, frame: Frame, result: Result<(), DiskError>) {
        let memory = spaces::memory();
        let process = self.table.get_mut(read.process);
        // It may have been killed.
        let process = process.filter(|process| process.state == State::Reading);
        let Some(process) = process else {
            return memory.free_frame(frame);
        };
        let installed = match result {
            Ok(()) => install(read, process.space.as_ref(), frame),
            Err(error) => {
                memory.free_frame(frame);
                Err(read.page.unreadable(error))
            }
        };
        process.unread = installed.err().map(|reason| (read.fault, reason));
        process.state = State::Ready;
        self.ready.push_back(read.process);
    }
}

/// Makes a frame the page that was read into it, in a space that is not loaded, or in the
/// one that is. If somebody else has seen to it, the access finds out.
fn install(read: &Read, space: Option<&Parked>, frame: Frame) -> Result<(), Reason> {
    let memory = spaces::memory();
    let address = read.fault.address;
    match read.page {
        OnDisk::Slot(slot) => {
            let installed = match space {
                Some(space) => {
                    space.change(|space| space.swap_in_with(address, slot, frame, memory))
                }
                None => spaces::current(|space, memory| {
                    space.swap_in_with(address, slot, frame, memory)
                }),
            };
            installed.unwrap_or_else(|frame| memory.free_frame(frame));
            Ok(())
        }
        OnDisk::File(wanted, _) => {
            let mut frame = Some(frame);
            let provided = spaces::relieved(|| cache::provide(wanted, &mut frame));
            frame.into_iter().for_each(|frame| memory.free_frame(frame));
            match provided {
                Err(CacheError::OutOfFrames) => Err(Reason::Space(Refusal::OutOfFrames)),
                _ => Ok(()),
            }
        }
    }
}
