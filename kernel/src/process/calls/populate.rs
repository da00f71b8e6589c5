//! Pages that are to be physical before the program touches them (MAP_POPULATE,
//! MADV_POPULATE_READ, MADV_POPULATE_WRITE).

use memory::space::{Half, Region, Rights};
use memory::{Access, Fault, Refusal};
use x86_64::VirtAddr;
use x86_64::structures::paging::PageTableFlags;

use super::range::{PAGE, mapping_at};
use crate::{fault, spaces};

/// Why a page was not made physical.
pub(super) enum Unpopulated {
    /// The mapping does not allow the access.
    Refused,
    /// No frame is left.
    OutOfFrames,
    /// There is no mapping.
    Gap,
    /// There is no page behind the mapping: it ends before, or cannot be read.
    NoPage,
}

/// Makes the pages of a range physical, as if the program had accessed each: the
/// faults are counted, as Linux counts them. Pages that allow the access already
/// are left alone.
///
/// # Errors
///
/// See [`Unpopulated`]; the pages before the first that fails are there.
pub(super) fn populate(start: u64, end: u64, access: Access) -> Result<(), Unpopulated> {
    let mut page = start;
    while page < end {
        let address = VirtAddr::new_truncate(page);
        let is_there = spaces::current(|space, _| {
            let mapping = mapping_at(space, page).ok_or(Unpopulated::Gap)?;
            if allows(&mapping, access) {
                Ok(is_there(space, address, access))
            } else {
                Err(Unpopulated::Refused)
            }
        })?;
        if !is_there {
            let resolved = fault::resolve_ahead(&Fault::supervisor(address, access));
            resolved.map_err(|refusal| match refusal {
                Refusal::OutOfFrames => Unpopulated::OutOfFrames,
                Refusal::PastEnd | Refusal::NotBacked => Unpopulated::NoPage,
                _ => Unpopulated::Refused,
            })?;
        }
        page += PAGE;
    }
    Ok(())
}

/// True if the rights of a mapping allow the access.
fn allows(mapping: &Region, access: Access) -> bool {
    match mapping.rights {
        Rights::NoAccess => false,
        Rights::Read => access == Access::Read,
        Rights::ReadWrite => access != Access::Execute,
        Rights::ReadExecute => access != Access::Write,
    }
}

/// True if the access would not fault.
fn is_there(space: &Half, address: VirtAddr, access: Access) -> bool {
    let entry = space.walk(address).end().entry;
    let is_writable = entry.flags().contains(PageTableFlags::WRITABLE);
    entry.is_present() && (access != Access::Write || is_writable)
}
