//! Pages that processes wait for while others run.
//!
//! ```text
//!   fault ─> the page is in a slot ─> begin ─> State::Reading      others run
//!                                      disk ─> collect ─> State::Ready, the page is back
//! ```
//!
//! What must always hold: what is read goes into a frame that is nobody's page
//! meanwhile, and it becomes one only if the page is still in that slot. When a run is
//! over, nothing is read any more.

use arrayvec::ArrayVec;
use memory::frames::{Frame, FrameKind};
use memory::slot::Slot;
use memory::{Fault, Refusal};

use super::{Id, Process, Processes, State};
use crate::disk::{self, Cause, DiskError, Ticket, Which};
use crate::fault::{self, Reason, Unreadable};
use crate::spaces;

/// What is read for a process.
#[derive(Debug)]
struct Read {
    ticket: Ticket,
    process: Id,
    fault: Fault,
    slot: Slot,
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
        let slot = spaces::current(|space, _| space.wanted_slot(fault.address));
        let Some(slot) = slot.filter(|_| !self.reads.0.is_full()) else {
            return fault::bring(fault.address);
        };
        let memory = spaces::memory();
        let frame = spaces::relieved(|| memory.allocate_frame(FrameKind::Private));
        let frame = frame.map_err(|_| Reason::Space(Refusal::OutOfFrames))?;
        match disk::begin_read(Which::Swap, slot.number(), frame) {
            Ok(ticket) => {
                process.state = State::Reading;
                self.reads.0.push(Read {
                    ticket,
                    process: process.id,
                    fault,
                    slot,
                });
                Ok(())
            }
            Err((error, frame)) => {
                memory.free_frame(frame);
                match error.cause {
                    Cause::Full => fault::bring(fault.address),
                    _ => Err(Reason::Unreadable(Unreadable::Slot(slot, error))),
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
        let address = read.fault.address;
        let left = match (result, &process.space) {
            (Ok(()), Some(space)) => {
                space.change(|space| space.swap_in_with(address, read.slot, frame, memory))
            }
            (Ok(()), None) => spaces::current(|space, memory| {
                space.swap_in_with(address, read.slot, frame, memory)
            }),
            (Err(error), _) => {
                let reason = Reason::Unreadable(Unreadable::Slot(read.slot, error));
                process.unread = Some((read.fault, reason));
                Err(frame)
            }
        };
        if let Err(frame) = left {
            memory.free_frame(frame);
        }
        process.state = State::Ready;
        self.ready.push_back(read.process);
    }
}
