//! Kernels that must fail do, each with its own status and words: the runner misses no failure.

use crate::kernels::{run, test_kernel};

#[test]
fn a_kernel_whose_tests_pass_ends_with_0_and_without_words() {
    let run = run(test_kernel("boot_facts"), &["--quiet"]);
    assert_eq!(run.status, Some(0), "{run:?}");
    assert!(run.guest.contains("test result: ok. "), "{run:?}");
    assert!(run.passed() > 1, "{run:?}");
    assert_eq!(run.words, "");
}

#[test]
fn a_failing_assertion_ends_with_101_and_the_values() {
    let run = run(test_kernel("must_fail_assertion"), &[]);
    assert_eq!(run.status, Some(101), "{run:?}");
    assert!(
        run.guest
            .contains("an_assertion_that_does_not_hold ... FAILED"),
        "{run:?}"
    );
    assert!(
        run.guest.contains("left: 2") && run.guest.contains("right: 3"),
        "{run:?}"
    );
    assert!(
        run.words
            .contains("boot: the guest panicked or a test failed (status 101)"),
        "{run:?}"
    );
}

#[test]
fn a_panic_inside_a_panic_ends_with_101() {
    let run = run(test_kernel("must_fail_panic"), &[]);
    assert_eq!(run.status, Some(101), "{run:?}");
    assert!(run.guest.contains("panic inside a panic"), "{run:?}");
}

#[test]
fn a_heap_allocation_while_the_kernel_half_is_locked_ends_with_101_and_names_the_order() {
    let run = run(test_kernel("must_fail_heap_under_locks"), &[]);
    assert_eq!(run.status, Some(101), "{run:?}");
    let words = "lock order: Heap is taken while KernelHalf is held";
    assert!(run.guest.contains(words), "{run:?}");
}

#[test]
fn a_refused_fault_ends_with_102_and_says_what_why_and_where() {
    let run = run(test_kernel("must_fail_refused_fault"), &[]);
    assert_eq!(run.status, Some(102), "{run:?}");
    for words in [
        "\n#PF Page Fault: write to read-only memory",
        "\n  instruction: 0xffff8000",
        "\n  tried:       write to 0x11004 by the kernel, the page is absent",
        "\n  error code:  0x2: ",
        "\n  refused:     the region does not allow writing",
        "4100 bytes into constants (demand, r, 0x10000..0x12000)",
        "  cr2=0000000000011004",
        "a_write_to_read_only_memory_that_was_not_announced ... FAILED",
        "test result: FAILED. 0 passed; 1 failed",
    ] {
        assert!(run.guest.contains(words), "{words}: {run:?}");
    }
    assert!(
        run.words
            .ends_with("boot: the guest stopped at a fault that it refused (status 102)\n"),
        "{run:?}"
    );
}

#[test]
fn a_hang_ends_with_124_at_the_timeout() {
    let run = run(test_kernel("must_fail_hang"), &["--timeout", "15"]);
    assert_eq!(run.status, Some(124), "{run:?}");
    assert!(run.guest.contains("a_test_that_never_ends ... "), "{run:?}");
    assert!(
        run.words
            .contains("boot: timeout: the machine still ran after 15 seconds"),
        "{run:?}"
    );
}

#[test]
fn a_triple_fault_ends_with_134_and_the_processors_registers() {
    let run = run(test_kernel("must_fail_triple_fault"), &[]);
    assert_eq!(run.status, Some(134), "{run:?}");
    assert!(run.guest.contains("a_triple_fault ... "), "{run:?}");
    assert!(
        run.words
            .contains("boot: the processor when it stopped: RIP=0xffff8000"),
        "{run:?}"
    );
    assert!(
        run.words.contains("IDT=     0000000000000000 00000000"),
        "{run:?}"
    );
    assert!(
        run.words
            .ends_with("boot: triple fault: the machine reset itself (status 134)\n"),
        "{run:?}"
    );
}
