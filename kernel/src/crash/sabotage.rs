//! Faults that a sound kernel does not have: page tables damaged behind the
//! memory manager's back, its lock held, the stack lost.

use memory::paging::EntryKind;
use memory::space::Backing;
use x86_64::structures::paging::PageTableFlags;
use x86_64::{PhysAddr, VirtAddr};

use super::memory::region;
use crate::cpu::{tlb, wrong};
use crate::{boot, interrupts, spaces};

/// Changes the entry of `level` on the way to `address` behind everybody's
/// back, and makes the processor see it.
///
/// # Safety
///
/// The address lies in a region of the caller's own, and the machine ends by
/// the access that follows.
unsafe fn damage(address: VirtAddr, level: u8, change: impl FnOnce(u64) -> u64) {
    let walk = spaces::look(address, |half| half.walk(address));
    let mut table = x86_64::registers::control::Cr3::read().0.start_address();
    for step in walk.steps() {
        if step.level == level {
            let place = boot::info().physical_memory_offset + table.as_u64();
            let entry = place.as_mut_ptr::<u64>().wrapping_add(step.index.into());
            // SAFETY: an entry of a live table, mapped and aligned. What the
            // change does to the translation is the point, and the caller's to answer for.
            unsafe { entry.write_volatile(change(step.entry.bits())) };
            tlb::flush_all();
            return;
        }
        if let EntryKind::Table(next) = step.entry.kind(step.level) {
            table = next;
        }
    }
    panic!("the way to {address:#x} has no entry at level {level}");
}

/// A page of its own, with a frame and tables.
fn page(number: u64) -> VirtAddr {
    let region = region(number, 2, Backing::Demand, "damaged region");
    // SAFETY: the region was made for this.
    unsafe { wrong::write(region.base.as_u64()) };
    region.base
}

pub(super) fn reserved_bit() {
    let page = page(0);
    // No processor that this kernel runs on has all 52 bits of a physical address.
    // SAFETY: the page is this function's own, and the read below ends the machine.
    unsafe { damage(page, 1, |entry| entry | 1 << 51) };
    // SAFETY: the page is this function's own.
    unsafe { wrong::read(page.as_u64()) };
}

pub(super) fn no_progress() {
    let page = page(0);
    // SAFETY: the page is this function's own, and the write below ends the machine.
    unsafe { damage(page, 3, |entry| entry & !PageTableFlags::WRITABLE.bits()) };
    // SAFETY: as above.
    unsafe { wrong::write(page.as_u64()) };
}

pub(super) fn nested() {
    /// Where no machine has memory, but could have.
    const NOWHERE: PhysAddr = PhysAddr::new(0x7f_ffff_f000);
    const GIGABYTE: u64 = 1 << 18;

    let far = page(GIGABYTE);
    page(0); // so that the way to the far page has to be walked anew
    let nowhere = |entry: u64| {
        let address = 0x000f_ffff_ffff_f000;
        entry & !address | NOWHERE.as_u64()
    };
    // SAFETY: the page is this function's own, and the read below ends the machine.
    unsafe { damage(far, 3, nowhere) };
    // SAFETY: the two pages are this function's own; nothing backs the second.
    unsafe { wrong::read(far.as_u64() + 4096) };
}

pub(super) fn locked() {
    let region = region(0, 1, Backing::Demand, "region of one page");
    // SAFETY: the region is this function's own.
    spaces::current(|_, _| unsafe { wrong::read(region.base.as_u64()) });
}

pub(super) fn double() {
    // SAFETY: the last page of the address space is never mapped.
    unsafe { wrong::push_to_no_stack() }
}

pub(super) fn nmi() {
    let Some((register, command)) = interrupts::nmi_to_self() else {
        panic!("this machine's interrupts do not come by an APIC with mapped registers");
    };
    // SAFETY: the command register of the local APIC; an NMI has a stack of its
    // own, and its report does not return.
    unsafe { wrong::command_without_stack(register, command) }
}

pub(super) fn machine_check() {
    wrong::machine_check_without_stack()
}
