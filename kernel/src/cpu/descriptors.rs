//! Segments, the task state segment, and the stacks that exceptions switch to.
//!
//! In long mode the GDT has little left to say: one code and one data segment,
//! and the TSS, which holds the interrupt stack table (Intel SDM vol. 3A, 8.7).
//! Three exceptions may come when the current stack cannot be trusted, and so
//! each has a stack of its own ([`ExceptionStack`]). #PF has none: a fault
//! inside its handler would overwrite the context of the first.

use crate::stack::ExceptionStack;
use spin::Once;
use x86_64::instructions::segmentation::{CS, DS, ES, SS, Segment};
use x86_64::instructions::tables::load_tss;
use x86_64::structures::gdt::{Descriptor, GlobalDescriptorTable, SegmentSelector};
use x86_64::structures::tss::TaskStateSegment;

struct Tables {
    gdt: GlobalDescriptorTable,
    code: SegmentSelector,
    data: SegmentSelector,
    task: SegmentSelector,
}

static TASK_STATE: Once<TaskStateSegment> = Once::new();
static TABLES: Once<Tables> = Once::new();

fn task_state() -> TaskStateSegment {
    let mut task = TaskStateSegment::new();
    for exception in ExceptionStack::ALL {
        task.interrupt_stack_table[exception as usize] = exception.stack().top();
    }
    task
}

fn tables() -> Tables {
    let mut gdt = GlobalDescriptorTable::new();
    let code = gdt.append(Descriptor::kernel_code_segment());
    let data = gdt.append(Descriptor::kernel_data_segment());
    let task = gdt.append(Descriptor::tss_segment(TASK_STATE.call_once(task_state)));
    Tables {
        gdt,
        code,
        data,
        task,
    }
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
        CS::set_reg(tables.code);
        SS::set_reg(tables.data);
        DS::set_reg(tables.data);
        ES::set_reg(tables.data);
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
        let tables = TABLES.get().expect("loaded at boot");
        assert_eq!(CS::get_reg(), tables.code);
        assert_eq!(SS::get_reg(), tables.data);
        assert_eq!(DS::get_reg(), tables.data);
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
        let task = TASK_STATE.get().expect("loaded at boot");
        let tops = task.interrupt_stack_table;
        let apart = GUARD_SIZE + EXCEPTION_STACK_SIZE;
        assert_eq!(tops[1] - tops[0], apart);
        assert_eq!(tops[2] - tops[1], apart);
        assert!(tops[..3].iter().all(|top| top.is_aligned(16u64)));
        assert!(tops[3..].iter().all(|top| top.is_null()));
    }
}
