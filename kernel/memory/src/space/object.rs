//! The page of an object that a fault asks for.
//!
//! ```text
//!                  read or fetch            write
//!  shared          the object's frame       the object's frame
//!  private         the object's frame,      a copy of it
//!                  read-only
//! ```
//!
//! What must always hold: a fault that is refused or blocked leaves no table
//! behind. Copies and shared frames are changed further as those of any other
//! region.

use x86_64::{PhysAddr, VirtAddr};

use super::map::{make_tables, prune};
use super::page::{done, log};
use super::region::{Backing, Region};
use super::regions::Record;
use super::{Content, Half};
use crate::fault::{Fault, Outcome, Refusal};
use crate::flush::FlushBatch;
use crate::memory::{Held, Memory, PageRefusal};
use crate::object::ObjectId;
use crate::paging::LeafSize;

const SMALL: LeafSize = LeafSize::Size4KiB;

/// The page of an object behind an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WantedPage {
    /// The object.
    pub object: ObjectId,
    /// The number of the page in it.
    pub page: u64,
}

impl Half {
    /// Which page of which object lies behind an address: what a fault there that
    /// is [blocked](Outcome::Blocked) waits for. `None` if it is in no region of
    /// an object, or if it waits for a [slot](Self::wanted_slot).
    #[must_use]
    pub fn wanted_page(&self, address: VirtAddr) -> Option<WantedPage> {
        let region = self.region_at(address)?;
        let is_in_slot = self.wanted_slot(address).is_some();
        region.wanted_page(address).filter(|_| !is_in_slot)
    }

    /// An unused entry gets a page of an object, or a copy of it.
    #[inline(never)]
    pub(super) fn map_object(&mut self, fault: &Fault, memory: &Memory) -> Outcome {
        let tables = make_tables(&mut self.cursor, SMALL, memory);
        let (record, cursor, scope) = self.page();
        let found = tables.map_err(PageRefusal::from);
        match found.and_then(|()| content(record, fault, memory)) {
            Ok((content, outcome)) => {
                cursor.fill_small(content.leaf(SMALL, record.rights, fault.is_write()));
                log(Some(record), fault, memory, outcome, content.start());
                self.resident += 1 + done(record, cursor, memory);
                outcome
            }
            Err(refusal) => {
                let mut batch = FlushBatch::new(*scope, memory);
                prune(cursor, &mut batch);
                batch.finish();
                let outcome = match refusal {
                    PageRefusal::Absent(_) => Outcome::Blocked,
                    PageRefusal::PastEnd => Outcome::Refused(Refusal::PastEnd),
                    // A frame of which no owner more can be counted is as good as
                    // none: it takes 32 GiB of tables to get there.
                    PageRefusal::OutOfFrames | PageRefusal::TooManyOwners => {
                        Outcome::Refused(Refusal::OutOfFrames)
                    }
                    PageRefusal::Gone | PageRefusal::AlreadyThere | PageRefusal::NotCounted => {
                        Outcome::Refused(Refusal::NotBacked)
                    }
                };
                log(Some(record), fault, memory, outcome, PhysAddr::zero())
            }
        }
    }
}

/// What the page of a fault maps, and what that is called.
fn content(
    record: &Record,
    fault: &Fault,
    memory: &Memory,
) -> Result<(Content, Outcome), PageRefusal> {
    let region = &record.region;
    let wanted = region.wanted_page(fault.address);
    let WantedPage { object, page } = wanted.ok_or(PageRefusal::Gone)?;
    if fault.is_write() && !region.is_shared() {
        let copy = memory.copy_of_page(object, page)?;
        return Ok((Content::Private(copy.into_leaf()), Outcome::ObjectCopy));
    }
    let held = memory.hold_page(object, page)?;
    let outcome = if held.is_new {
        Outcome::ObjectNew
    } else {
        Outcome::ObjectMapped
    };
    Ok((mapped(held, region), outcome))
}

/// A page of the object behind an address of a region, if it is one of an object
/// and the page is there.
pub(super) fn present(region: &Region, address: VirtAddr, memory: &Memory) -> Option<Content> {
    let WantedPage { object, page } = region.wanted_page(address)?;
    let held = memory.hold_present_page(object, page).ok()?;
    Some(mapped(held, region))
}

fn mapped(held: Held, region: &Region) -> Content {
    if region.is_shared() {
        Content::Object(held.into_leaf())
    } else {
        Content::Shared(held.into_leaf())
    }
}

impl Region {
    /// The page of an object behind an address of this region.
    pub(crate) fn wanted_page(&self, address: VirtAddr) -> Option<WantedPage> {
        let Backing::Object {
            object,
            offset_in_pages,
            ..
        } = self.backing
        else {
            return None;
        };
        let page = offset_in_pages + (address - self.base) / SMALL.bytes();
        Some(WantedPage { object, page })
    }
}
