//! The report of what a sound kernel does not do: faults in the fault handler and in reports,
//! faults that come back, lost stacks, panics. All end, with both frames and the right status.

use crate::crash::{place, report, says};

#[test]
fn a_fault_inside_the_fault_handler_is_told_with_both_contexts() {
    says(
        &report("nested", 102),
        &[
            "#PF Page Fault: page fault inside the page-fault handler\n",
            "  refused:     it came while another page fault was being resolved\n",
            "  resolving:   read of 0x4040001000 by the kernel, the page is absent\n",
            "  cr2=0000004040001000\n",
            "  registers:   rax=",
            "  backtrace:\n",
            "kernel::fault::page_fault at kernel/src/fault/mod.rs:",
            "  where an exception interrupted:\n",
            "  #0 0xffff8000",
            "kernel::crash::sabotage::nested at kernel/src/crash/sabotage.rs:",
        ],
    );
}

#[test]
fn a_fault_inside_the_memory_manager_is_no_deadlock() {
    says(
        &report("locked", 102),
        &[
            "#PF Page Fault: page fault inside the memory manager\n",
            "  tried:       read of 0x4000000000 by the kernel",
            "  address:     its regions are locked\n",
            "  walk:        level 4 [  0] unused\n",
            "kernel::crash::sabotage::locked",
        ],
    );
}

#[test]
fn the_same_fault_twice_is_told_with_both_contexts_and_no_endless_loop() {
    says(
        &report("no-progress", 102),
        &[
            "#PF Page Fault: the same page fault again, without progress\n",
            "  refused:     the same fault came twice, although the page is mapped as it should be\n",
            "level 3 [256] table at 0x",
            ", P U A\n",
            "  before that: write to 0x4000000000 by the kernel",
            "  cr2=0000004000000000\n",
            "  registers:   rax=",
            "  cr2=0000004000000000\n",
        ],
    );
}

#[test]
fn a_double_fault_has_a_stack_of_its_own() {
    says(
        &report("double", 102),
        &[
            "#DF Double Fault: no usable stack\n",
            " push rax\n",
            "  address:     0xfffffffffffffff8: ",
            "  rsp=0000000000000000",
            "  #0 0xffff8000",
            "kernel::cpu::wrong::push_to_no_stack at ",
        ],
    );
}

#[test]
fn an_nmi_and_a_machine_check_have_stacks_of_their_own() {
    for (name, exception, at) in [
        ("nmi", "NMI Interrupt\n", "command_without_stack"),
        (
            "machine-check",
            "#MC Machine Check\n",
            "machine_check_without_stack",
        ),
    ] {
        let at = format!("kernel::cpu::wrong::{at} at ");
        let told = report(name, 102);
        says(
            &told,
            &[exception, "  rsp=0000000000000000", "  #0 0xffff8000", &at],
        );
    }
}

#[test]
fn a_panic_is_told_with_its_backtrace() {
    let here = place("kernel/src/crash/mod.rs", "this panic was asked for");
    says(
        &report("panic", 101),
        &[
            &format!("panicked at {here}:5:\nthis panic was asked for\n"),
            "  backtrace:\n",
            "  #0 0xffff8000",
            "kernel::panic::panic at kernel/src/panic.rs:",
            "run at kernel/src/crash/mod.rs:",
        ],
    );
}

#[test]
fn a_fault_inside_a_report_is_told_with_both_contexts() {
    says(
        &report("fault-in-report", 102),
        &[
            "#PF Page Fault: null pointer\n",
            "  cr2=0000000000000000\n",
            "\n#PF Page Fault, inside the report of another exception\n",
            "  tried:       read of 0x4000002010 by the kernel",
            "  registers:   rax=",
            "  cr2=0000004000002010\n",
            "  the other:   #PF Page Fault at 0xffff8000",
            "  cr2=0000000000000000\n",
            "kernel::report::exception at kernel/src/report/mod.rs:",
            "  where an exception interrupted:\n",
            "kernel::crash::memory::null at ",
        ],
    );
}

#[test]
fn a_panic_inside_a_report_ends_with_101_and_tells_of_both() {
    says(
        &report("panic-in-report", 101),
        &[
            "#PF Page Fault: null pointer\n",
            "panicked at kernel/src/crash/mod.rs:",
            "the ending of a report panics, cr2=0x0\n",
            "  inside the report of #PF Page Fault at 0xffff8000",
            "kernel::report::exception at kernel/src/report/mod.rs:",
            "  where an exception interrupted:\n",
            "kernel::crash::memory::null at ",
        ],
    );
}
