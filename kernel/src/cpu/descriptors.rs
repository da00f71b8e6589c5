//! Segments, the task state segment, and the stacks that exceptions switch to.
//!
//! In long mode the GDT has little left to say: one code and one data segment,
//! and the TSS, which holds the interrupt stack table (Intel SDM vol. 3A, 8.7).
//! Three exceptions may come when the current stack cannot be trusted, and so
//! each has a stack of its own. #PF has none: a fault inside its handler would
//! overwrite the frame of the first. The stacks are statics, present from the
//! first instruction. The page below each is left out of the kernel's own
//! tables, as its guard.

use crate::stack::{GUARD_SIZE, Stack};
use core::cell::UnsafeCell;
use spin::Once;
use x86_64::VirtAddr;
use x86_64::instructions::segmentation::{CS, DS, ES, SS, Segment};
use x86_64::instructions::tables::load_tss;
use x86_64::structures::gdt::{Descriptor, GlobalDescriptorTable, SegmentSelector};
use x86_64::structures::tss::TaskStateSegment;

/// Size of each exception stack, in bytes: enough for a report in a debug build.
pub const EXCEPTION_STACK_SIZE: usize = 32 * 1024;

/// Index into the interrupt stack table for double faults.
pub const DOUBLE_FAULT_STACK: u16 = 0;
/// Index into the interrupt stack table for non-maskable interrupts.
pub const NMI_STACK: u16 = 1;
/// Index into the interrupt stack table for machine checks.
pub const MACHINE_CHECK_STACK: u16 = 2;

#[repr(C, align(4096))]
struct StackMemory {
    guard: UnsafeCell<[u8; GUARD_SIZE as usize]>,
    stack: UnsafeCell<[u8; EXCEPTION_STACK_SIZE]>,
}

// SAFETY: Only the processor uses the bytes, as stacks; Rust code takes
// nothing but their address.
unsafe impl Sync for StackMemory {}

static STACKS: [StackMemory; 3] = [const {
    StackMemory {
        guard: UnsafeCell::new([0; GUARD_SIZE as usize]),
        stack: UnsafeCell::new([0; EXCEPTION_STACK_SIZE]),
    }
}; 3];

struct Tables {
    gdt: GlobalDescriptorTable,
    code: SegmentSelector,
    data: SegmentSelector,
    task: SegmentSelector,
}

static TASK_STATE: Once<TaskStateSegment> = Once::new();
static TABLES: Once<Tables> = Once::new();

/// One past the highest address of an exception stack, by its index.
///
/// # Panics
///
/// If there is no stack of that index.
#[must_use]
pub fn exception_stack_top(index: u16) -> VirtAddr {
    VirtAddr::from_ptr(STACKS[usize::from(index)].stack.get()) + EXCEPTION_STACK_SIZE as u64
}

/// The exception stacks, by their index.
#[must_use]
pub fn exception_stacks() -> [Stack; 3] {
    [
        (DOUBLE_FAULT_STACK, "the double fault stack"),
        (NMI_STACK, "the NMI stack"),
        (MACHINE_CHECK_STACK, "the machine check stack"),
    ]
    .map(|(index, name)| {
        let memory = &STACKS[usize::from(index)];
        Stack {
            name,
            bottom: VirtAddr::from_ptr(memory.guard.get()) + GUARD_SIZE,
            top: exception_stack_top(index),
        }
    })
}

fn task_state() -> TaskStateSegment {
    let mut task = TaskStateSegment::new();
    for index in [DOUBLE_FAULT_STACK, NMI_STACK, MACHINE_CHECK_STACK] {
        task.interrupt_stack_table[usize::from(index)] = exception_stack_top(index);
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
pub fn load() {
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
    use core::arch::asm;
    use memory::space::Backing;
    use x86_64::PrivilegeLevel;
    use x86_64::instructions::tables::sgdt;

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
            assert!(stack.contains(stack.bottom) && !stack.contains(guard));
        }
    }

    #[test_case]
    fn the_exception_stacks_do_not_overlap_and_are_aligned() {
        let task = TASK_STATE.get().expect("loaded at boot");
        let tops = task.interrupt_stack_table;
        let apart = GUARD_SIZE + EXCEPTION_STACK_SIZE as u64;
        assert_eq!(tops[1] - tops[0], apart);
        assert_eq!(tops[2] - tops[1], apart);
        assert!(tops[..3].iter().all(|top| top.is_aligned(16u64)));
        assert!(tops[3..].iter().all(|top| top.is_null()));
    }
}
