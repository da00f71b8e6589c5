//! The hold that a region has on the object that it maps.
//!
//! What must always hold: a region holds its object as long as its record is in
//! the tree, and until what it mapped is flushed.

use super::region::{Backing, Region, Rights};
use crate::memory::Memory;
use crate::object::{Mapping, Sharing, Use};

impl Region {
    /// True for a shared mapping of an object: what is written is the object's.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(
            self.backing,
            Backing::Object {
                sharing: Sharing::Shared,
                ..
            }
        )
    }

    /// The hold that the region has on its object, if it is one of an object.
    pub(crate) fn mapping(&self) -> Option<Mapping> {
        let Backing::Object { object, .. } = self.backing else {
            return None;
        };
        let usage = match self.rights {
            Rights::ReadExecute => Use::Execute,
            Rights::ReadWrite if self.is_shared() => Use::Write,
            Rights::ReadWrite | Rights::Read | Rights::NoAccess => Use::Read,
        };
        Some(Mapping { object, usage })
    }

    /// Counts one more region with the object and the rights of this one.
    pub(super) fn hold_again(&self, memory: &Memory) {
        if let Some(mapping) = self.mapping() {
            let held = memory.hold_object(mapping);
            held.expect("what one region may do, another one may");
        }
    }

    /// Counts a region like this one less, of which nothing is mapped that
    /// another one does not give as well.
    pub(super) fn let_go(&self, memory: &Memory) {
        if let Some(mapping) = self.mapping() {
            memory.let_object_go(mapping);
        }
    }
}
