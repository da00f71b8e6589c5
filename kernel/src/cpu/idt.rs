//! The interrupt descriptor table: every one of the 32 exceptions has a gate,
//! and so have the few interrupts that can come.
//!
//! All are interrupt gates, so that a handler runs with interrupts off. Using
//! a vector without a gate is a #GP that names it.

use super::entry::Stubs;
use super::vector::Vector;
use crate::stack::ExceptionStack;
use spin::Once;
use x86_64::instructions::tables::lidt;
use x86_64::structures::DescriptorTablePointer;
use x86_64::structures::idt::{Entry, HandlerFunc};
use x86_64::{PrivilegeLevel, VirtAddr};

/// The first vector behind the exceptions; the 8259s' sixteen lines come here.
pub const FIRST_INTERRUPT: u8 = 32;
/// The vector of the timer's line, IRQ 0.
pub const TIMER_VECTOR: u8 = FIRST_INTERRUPT;
/// The vector of the serial port's line, IRQ 4.
pub const SERIAL_VECTOR: u8 = FIRST_INTERRUPT + 4;
/// Where the local APIC delivers an interrupt that went away again.
pub const SPURIOUS_VECTOR: u8 = 255;
/// The same of the two 8259s: their lines 7 and 15.
pub const PIC_SPURIOUS_VECTORS: [u8; 2] = [FIRST_INTERRUPT + 7, FIRST_INTERRUPT + 15];

type Table = [Entry<HandlerFunc>; 256];

static TABLE: Once<Table> = Once::new();

fn table(stubs: &Stubs) -> Table {
    let mut table: Table = [Entry::missing(); 256];
    for (vector, (gate, stub)) in table.iter_mut().zip(&stubs.exceptions).enumerate() {
        // SAFETY: The stub is written for exactly this vector: it takes the
        // context with or without an error code as the processor pushes it, and
        // leaves with IRETQ.
        let options = unsafe { gate.set_handler_addr(stub.address()) };
        if vector == usize::from(Vector::BREAKPOINT.number()) {
            // INT3 is no privileged instruction.
            options.set_privilege_level(PrivilegeLevel::Ring3);
        }
        let stack = match vector {
            2 => ExceptionStack::Nmi,
            8 => ExceptionStack::DoubleFault,
            18 => ExceptionStack::MachineCheck,
            _ => continue,
        };
        // SAFETY: The TSS holds a stack at this index, and only this vector uses it.
        unsafe { options.set_stack_index(stack as u16) };
    }
    let interrupts = [
        (SERIAL_VECTOR, stubs.serial),
        (TIMER_VECTOR, stubs.timer),
        (SPURIOUS_VECTOR, stubs.spurious),
        (PIC_SPURIOUS_VECTORS[0], stubs.spurious),
        (PIC_SPURIOUS_VECTORS[1], stubs.spurious),
    ];
    for (vector, stub) in interrupts {
        // SAFETY: these stubs take the context without an error code, as the
        // processor pushes it for interrupts, and leave with IRETQ.
        unsafe { table[usize::from(vector)].set_handler_addr(stub.address()) };
    }
    table
}

/// Builds the table once and loads it.
///
/// [`descriptors::load`](super::descriptors::load) comes first: the gates name
/// the code segment that is current, and the stacks of its TSS.
pub(super) fn load(stubs: &Stubs) {
    let table = TABLE.call_once(|| table(stubs));
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
    use core::arch::asm;
    use x86_64::instructions::interrupts;
    use x86_64::instructions::tables::sidt;

    #[test_case]
    fn the_loaded_table_is_ours_and_leads_to_the_stubs() {
        let table = TABLE.get().expect("loaded at boot");
        let loaded = sidt();
        let (base, limit) = (loaded.base, loaded.limit);
        assert_eq!(base, VirtAddr::from_ptr(table));
        assert_eq!(limit, 256 * 16 - 1);
        for (gate, stub) in table.iter().zip(&crate::handlers::STUBS.exceptions) {
            assert_eq!(gate.handler_addr(), stub.address());
        }
    }

    #[test_case]
    fn double_fault_nmi_and_machine_check_have_stacks_of_their_own_and_others_have_not() {
        // Bits 32 to 34 of a gate: the stack's number in the TSS, from 1 on
        // (Intel SDM vol. 3A, figure 6-8).
        let stack_of = |gate: &Entry<HandlerFunc>| {
            // SAFETY: a gate is 16 bytes of plain numbers.
            let bits: u128 = unsafe { core::mem::transmute_copy(gate) };
            (bits >> 32) as u16 & 0b111
        };
        for (vector, gate) in TABLE.get().expect("loaded at boot").iter().enumerate() {
            let expected = match vector {
                2 => ExceptionStack::Nmi as u16 + 1,
                8 => ExceptionStack::DoubleFault as u16 + 1,
                18 => ExceptionStack::MachineCheck as u16 + 1,
                _ => 0,
            };
            assert_eq!(stack_of(gate), expected, "vector {vector}");
        }
    }

    #[test_case]
    fn a_breakpoint_gives_every_register_back() {
        let given: [u64; 8] = [1, 2, 3, 4, 5, 6, 7, 8].map(|part| part * 0x0101_0101_0101_0101);
        let [
            mut a,
            mut c,
            mut d,
            mut r8,
            mut r11,
            mut r12,
            mut r13,
            mut r15,
        ] = given;
        let enabled = interrupts::are_enabled();
        // SAFETY: INT3 goes to the handler, which changes no register.
        unsafe {
            asm!(
                "int3",
                inout("rax") a, inout("rcx") c, inout("rdx") d, inout("r8") r8,
                inout("r11") r11, inout("r12") r12, inout("r13") r13, inout("r15") r15,
            );
        }
        assert_eq!([a, c, d, r8, r11, r12, r13, r15], given);
        assert_eq!(interrupts::are_enabled(), enabled);
    }
}
