//! What objects and spaces should look like: a byte for each page.

use std::collections::BTreeMap;

use faultline_memory::object::{Object, ObjectId, ObjectKind, Sharing};
use faultline_memory::space::Rights;

/// An object.
pub struct PlainObject {
    pub id: ObjectId,
    pub handle: Option<Object>,
    pub kind: ObjectKind,
    pub pages: u64,
    /// The first byte of each page that is there.
    pub present: BTreeMap<u64, u8>,
}

/// What is behind a page of a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behind {
    Nothing,
    TheObject,
    /// A page of the space's own, and its first byte.
    Copy(u8),
}

/// A page of a region of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlainPage {
    /// Which allocation it came of.
    pub source: u64,
    /// The number of the object in the model.
    pub object: usize,
    pub page: u64,
    pub sharing: Sharing,
    pub rights: Rights,
    pub fault_around: u16,
    pub behind: Behind,
}

impl PlainPage {
    pub fn writes_object(&self) -> bool {
        self.sharing == Sharing::Shared && self.rights == Rights::ReadWrite
    }

    pub fn executes(&self) -> bool {
        self.rights == Rights::ReadExecute
    }
}

/// The low half of a space: its pages, by number.
pub type PlainSpace = BTreeMap<u64, PlainPage>;

/// True if two neighbours lie in one region.
pub fn in_one_region(space: &PlainSpace, page: u64) -> bool {
    match (space.get(&page), space.get(&(page + 1))) {
        (Some(one), Some(next)) => one.source == next.source && one.rights == next.rights,
        _ => false,
    }
}

/// How many regions of an object a space has.
pub fn regions_of(space: &PlainSpace, object: usize) -> u64 {
    let of_object = space.iter().filter(|(_, page)| page.object == object);
    let ends = of_object.filter(|(number, _)| !in_one_region(space, **number));
    ends.count() as u64
}
