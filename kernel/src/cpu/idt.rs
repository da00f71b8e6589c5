//! The interrupt descriptor table: every one of the 32 exceptions has a gate.
//!
//! All are interrupt gates, so that a handler runs with interrupts off. Vectors
//! from 32 on are past the table's limit; using one is a #GP that names it.

use super::descriptors::{DOUBLE_FAULT_STACK, MACHINE_CHECK_STACK, NMI_STACK};
use super::entry::STUBS;
use spin::Once;
use x86_64::VirtAddr;
use x86_64::instructions::tables::lidt;
use x86_64::structures::DescriptorTablePointer;
use x86_64::structures::idt::{Entry, HandlerFunc};

type Table = [Entry<HandlerFunc>; 32];

static TABLE: Once<Table> = Once::new();

fn table() -> Table {
    let mut table: Table = [Entry::missing(); 32];
    for (vector, (gate, &stub)) in table.iter_mut().zip(&STUBS).enumerate() {
        // SAFETY: The stub is written for exactly this vector: it takes the
        // frame with or without an error code as the processor pushes it, and
        // leaves with IRETQ.
        let options = unsafe { gate.set_handler_addr(VirtAddr::new(stub as usize as u64)) };
        let stack = match vector {
            2 => NMI_STACK,
            8 => DOUBLE_FAULT_STACK,
            18 => MACHINE_CHECK_STACK,
            _ => continue,
        };
        // SAFETY: The TSS holds a stack at this index, and only this vector uses it.
        unsafe { options.set_stack_index(stack) };
    }
    table
}

/// Builds the table once and loads it.
///
/// [`descriptors::load`](super::descriptors::load) comes first: the gates name
/// the code segment that is current, and the stacks of its TSS.
pub fn load() {
    let table = TABLE.call_once(table);
    let pointer = DescriptorTablePointer {
        base: VirtAddr::from_ptr(table),
        limit: (size_of::<Table>() - 1) as u16,
    };
    // SAFETY: The table is static, and each of its gates leads to a stub.
    unsafe { lidt(&pointer) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use x86_64::instructions::interrupts;
    use x86_64::instructions::tables::sidt;

    #[test_case]
    fn the_loaded_table_is_ours_and_leads_to_the_stubs() {
        let table = TABLE.get().expect("loaded at boot");
        let loaded = sidt();
        let (base, limit) = (loaded.base, loaded.limit);
        assert_eq!(base, VirtAddr::from_ptr(table));
        assert_eq!(limit, 32 * 16 - 1);
        for (gate, &stub) in table.iter().zip(&STUBS) {
            assert_eq!(gate.handler_addr(), VirtAddr::new(stub as usize as u64));
        }
    }

    #[test_case]
    fn a_breakpoint_is_reported_and_returned_from() {
        let before = interrupts::are_enabled();
        interrupts::int3();
        assert_eq!(interrupts::are_enabled(), before);
    }
}
