//! Pages of a low half that go to slots and come back.

use x86_64::VirtAddr;

use super::super::{EvictError, Eviction, Hand, SwapInError};
use super::Space;
use crate::frames::Frame;
use crate::memory::Memory;
use crate::policy::Policy;
use crate::slot::Slot;

impl Space {
    /// Evicts one page: the next one from the hand on that could go and that the
    /// policy takes. `write` writes the bytes of the page to a slot; it is not called
    /// if a slot holds them already, or if they are a file's. It may take its time: no
    /// lock is held but what guards the space. Never needs memory.
    ///
    /// A page of a file is only unmapped; see
    /// [`drop_object_page`](Memory::drop_object_page). A private large page is
    /// [broken up](Eviction::BrokenUp) when there is [little else](Hand::takes_large).
    /// These stay: private pages that others own as well, those of shared memory, of immediate regions, and
    /// of regions that allow no access.
    ///
    /// # Errors
    ///
    /// See [`EvictError`]; the page, and the slots, are as they were then. The
    /// hand has passed it.
    pub fn evict<P: Policy + ?Sized, E>(
        &mut self,
        hand: &mut Hand,
        policy: &mut P,
        memory: &Memory,
        write: impl FnMut(Slot, &[u8; 4096]) -> Result<(), E>,
    ) -> Result<Eviction, EvictError<E>> {
        self.0.evict(hand, policy, memory, write)
    }

    /// Brings the page of an address back, whose slot is what
    /// [`wanted_slot`](super::super::Half::wanted_slot) says. `read` reads that slot, and
    /// fills all of the page. Returns the slot that it was.
    ///
    /// # Errors
    ///
    /// See [`SwapInError`]; nothing has changed then.
    pub fn swap_in<E>(
        &mut self,
        address: VirtAddr,
        memory: &Memory,
        read: impl FnOnce(Slot, &mut [u8; 4096]) -> Result<(), E>,
    ) -> Result<Slot, SwapInError<E>> {
        self.0.swap_in(address, memory, read)
    }

    /// Brings the page of an address back with a frame into which its slot was read:
    /// for a disk that works while others use the space, or destroy it.
    ///
    /// # Errors
    ///
    /// The page is not in this slot any more. Nothing has changed, and the frame comes back.
    pub fn swap_in_with(
        &mut self,
        address: VirtAddr,
        slot: Slot,
        frame: Frame,
        memory: &Memory,
    ) -> Result<(), Frame> {
        self.0.swap_in_with(address, slot, frame, memory)
    }
}
