//! Segments, the task state segment, and the stacks that exceptions switch to.
//!
//! In long mode the GDT has little left to say: a code and a data segment for
//! each of rings 0 and 3, and the TSS (Intel SDM vol. 3A, 8.7). The TSS holds the
//! stack for what interrupts ring 3 (RSP0: where [`ring3`](super::ring3) entered
//! the program) and the interrupt stack table. Three exceptions may come when the current stack cannot be trusted, and so
//! each has a stack of its own ([`ExceptionStack`]). #PF has none: a fault
//! inside its handler would overwrite the context of the first.

use crate::stack::ExceptionStack;
use core::cell::UnsafeCell;
use spin::Once;
use x86_64::instructions::segmentation::{CS, DS, ES, SS, Segment};
use x86_64::instructions::tables::load_tss;
use x86_64::structures::gdt::{Descriptor, GlobalDescriptorTable, SegmentSelector};
use x86_64::structures::tss::TaskStateSegment;

struct Tables {
    gdt: GlobalDescriptorTable,
    segments: Segments,
    task: SegmentSelector,
}

/// The segments of both rings.
#[derive(Debug, Clone, Copy)]
pub(super) struct Segments {
    pub(super) code: SegmentSelector,
    pub(super) data: SegmentSelector,
    pub(super) user_data: SegmentSelector,
    pub(super) user_code: SegmentSelector,
}

/// The TSS. The processor reads it, and [`ring3`](super::ring3) writes RSP0.
#[repr(transparent)]
pub(super) struct TaskState(UnsafeCell<TaskStateSegment>);

// SAFETY: there is one processor. The interrupt stacks are written once, before
// the TSS is loaded, and RSP0 by the assembly that enters ring 3 alone.
unsafe impl Sync for TaskState {}

pub(super) static TASK_STATE: TaskState = TaskState(UnsafeCell::new(TaskStateSegment::new()));

/// Where RSP0 lies in the TSS, in bytes (Intel SDM vol. 3A, figure 8-11).
pub(super) const RSP0: usize = 4;

static TABLES: Once<Tables> = Once::new();

/// Called once, before the TSS is loaded.
fn tables() -> Tables {
    for exception in ExceptionStack::ALL {
        // SAFETY: the TSS is not loaded yet, and nobody else knows of it.
        let task = unsafe { &mut *TASK_STATE.0.get() };
        task.interrupt_stack_table[exception as usize] = exception.stack().top();
    }
    let mut gdt = GlobalDescriptorTable::new();
    let segments = Segments {
        code: gdt.append(Descriptor::kernel_code_segment()),
        data: gdt.append(Descriptor::kernel_data_segment()),
        // In this order for SYSRET (Intel SDM vol. 2B, SYSRET).
        user_data: gdt.append(Descriptor::user_data_segment()),
        user_code: gdt.append(Descriptor::user_code_segment()),
    };
    // SAFETY: the TSS is static.
    let task = unsafe { Descriptor::tss_segment_unchecked(TASK_STATE.0.get()) };
    let task = gdt.append(task);
    Tables {
        gdt,
        segments,
        task,
    }
}

/// The segments that [`load`] has loaded.
///
/// # Panics
///
/// Before that.
pub(super) fn segments() -> Segments {
    TABLES.get().expect("the descriptors are loaded").segments
}

/// Loads the GDT, reloads the segments that came from the loader's, and loads the TSS.
pub(super) fn load() {
    let mut first = false;
    let tables = TABLES.call_once(|| {
        first = true;
        tables()
    });
    if !first {
        // A second LTR would fault: the descriptor is marked busy.
        return;
    }
    tables.gdt.load();
    // SAFETY: The selectors were made by the table that was just loaded, the
    // code one for code at ring 0, the data one for data. SS is reloaded too:
    // IRETQ checks it, and the loader's selector means nothing here.
    unsafe {
        CS::set_reg(tables.segments.code);
        SS::set_reg(tables.segments.data);
        DS::set_reg(tables.segments.data);
        ES::set_reg(tables.segments.data);
    }
    // SAFETY: The selector names the TSS of this table, which is static and
    // was not loaded before.
    unsafe { load_tss(tables.task) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spaces;
    use crate::stack::{EXCEPTION_STACK_SIZE, GUARD_SIZE, exception_stacks};
    use core::arch::asm;
    use memory::space::Backing;
    use x86_64::instructions::tables::sgdt;
    use x86_64::{PrivilegeLevel, VirtAddr};

    #[test_case]
    fn the_segments_are_those_of_our_table() {
        let Segments { code, data, .. } = segments();
        assert_eq!(CS::get_reg(), code);
        assert_eq!(SS::get_reg(), data);
        assert_eq!(DS::get_reg(), data);
        assert_eq!(CS::get_reg().rpl(), PrivilegeLevel::Ring0);
    }

    fn task_register() -> u16 {
        let selector: u16;
        // SAFETY: STR copies the task register, and has no other effect.
        unsafe { asm!("str {0:x}", out(reg) selector, options(nomem, nostack, preserves_flags)) };
        selector
    }

    #[test_case]
    fn the_loaded_table_and_task_are_ours() {
        let tables = TABLES.get().expect("loaded at boot");
        let loaded = sgdt();
        let (base, limit) = (loaded.base, loaded.limit);
        assert_eq!(base, VirtAddr::from_ptr(tables.gdt.entries().as_ptr()));
        assert_eq!(usize::from(limit) + 1, 8 * tables.gdt.entries().len());
        assert_eq!(task_register(), tables.task.0);
    }

    #[test_case]
    fn the_page_below_an_exception_stack_is_a_guard_region_and_not_mapped() {
        for stack in exception_stacks() {
            let guard = stack.guard().start;
            let (region, walk) =
                spaces::kernel_half(|space, _| (space.region_at(guard), space.walk(guard)));
            let region = region.expect("the guard is a region");
            assert_eq!((region.base, region.size), (guard, GUARD_SIZE));
            assert_eq!(region.backing, Backing::Guard);
            assert_eq!(walk.physical(), None);
            assert!(stack.contains(stack.bottom()) && !stack.contains(guard));
        }
    }

    #[test_case]
    fn the_exception_stacks_do_not_overlap_and_are_aligned() {
        // SAFETY: nothing writes the TSS while this runs.
        let task = unsafe { TASK_STATE.0.get().read() };
        let tops = task.interrupt_stack_table;
        let apart = GUARD_SIZE + EXCEPTION_STACK_SIZE;
        assert_eq!(tops[1] - tops[0], apart);
        assert_eq!(tops[2] - tops[1], apart);
        assert!(tops[..3].iter().all(|top| top.is_aligned(16u64)));
        assert!(tops[3..].iter().all(|top| top.is_null()));
    }
}
