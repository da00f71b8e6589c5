//! The root of all nodes, and the record that was hit last.
//!
//! The last hit is a pointer into a node. What is left to argue is that the
//! [`Tree`] forgets it before anything can move it.
#![allow(unsafe_code)]

use core::ptr::NonNull;

use super::link::Link;
use super::record::Record;

/// All nodes, from the root down, and the record that the last lookup hit.
///
/// What must always hold: the record lies in a node below the root.
pub(super) struct Tree {
    root: Option<Link>,
    last: Option<NonNull<Record>>,
}

// SAFETY: the last hit is used through a `Tree` that is borrowed for one alone,
// and is part of what the root owns, which may go elsewhere.
unsafe impl Send for Tree where Link: Send {}
// SAFETY: a shared tree gives out shared references, no more.
unsafe impl Sync for Tree where Link: Sync {}

impl Tree {
    pub(super) const EMPTY: Self = Self {
        root: None,
        last: None,
    };

    /// The root, to read what is below it.
    #[inline]
    pub(super) fn root(&self) -> Option<&Link> {
        self.root.as_ref()
    }

    /// The root, to change what is below it. The last hit is forgotten.
    pub(super) fn root_mut(&mut self) -> &mut Option<Link> {
        self.last = None;
        &mut self.root
    }

    /// True if the last hit holds `address`.
    #[inline]
    pub(super) fn is_at(&self, address: u64) -> bool {
        self.last().is_some_and(|last| last.contains(address))
    }

    /// Makes the record that holds `address`, if one does, the last hit: it is
    /// already, or `search` finds it.
    #[inline(always)]
    pub(super) fn seek(&mut self, address: u64, search: Search) {
        if !self.is_at(address) {
            let record = self.root.as_mut().and_then(|root| search(root, address));
            self.last = record.map(NonNull::from);
        }
    }

    /// The last hit, to change what the tree does not sort by.
    #[inline]
    pub(super) fn last_mut(&mut self) -> Option<&mut Record> {
        // SAFETY: it was found below the root by `search`, and nothing below
        // the root has changed since: that takes `root_mut`, which forgets it.
        // The tree is borrowed for us alone, as the record is.
        self.last.map(|mut last| unsafe { last.as_mut() })
    }

    /// The last hit.
    #[inline]
    pub(super) fn last(&self) -> Option<&Record> {
        // SAFETY: as in `last_mut`, but shared.
        self.last.map(|last| unsafe { last.as_ref() })
    }

    /// Makes a record that is not in the tree the last hit, to test that an
    /// audit finds it.
    #[cfg(test)]
    pub(super) fn spoil_last(&mut self, last: &'static mut Record) {
        self.last = Some(NonNull::from(last));
    }
}

/// How the record of an address is found below a link.
pub(super) type Search = fn(&mut Link, u64) -> Option<&mut Record>;
