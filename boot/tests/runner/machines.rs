//! The machines that the boot chain is known to start on, from the smallest to memory above 4 GiB.

use crate::kernels::{kernel, run, test_kernel};

/// The kernel runs its example to the end, which it leaves with another status when a count is wrong.
fn the_kernel_succeeds_on(machine: &[&str]) {
    let run = run(
        kernel(),
        &[machine, &["--headless", "--timeout", "60"]].concat(),
    );
    assert_eq!(run.status, Some(0), "{machine:?}: {run:?}");
    assert!(run.guest.contains("Faultline"), "{machine:?}: {run:?}");
    assert!(
        run.words
            .ends_with("boot: the machine powered off: success (status 0)\n"),
        "{machine:?}: {run:?}"
    );
}

#[test]
fn the_least_memory_on_bios_is_enough() {
    the_kernel_succeeds_on(&["--memory", "24M"]);
}

#[test]
fn memory_of_64_mib_and_of_3_gib_is_used() {
    the_kernel_succeeds_on(&["--memory", "64M"]);
    the_kernel_succeeds_on(&["--memory", "3G"]);
}

#[test]
fn memory_above_4_gib_is_used() {
    the_kernel_succeeds_on(&["--memory", "6G"]);
}

#[test]
fn both_chipsets_and_a_plain_processor_do() {
    the_kernel_succeeds_on(&["--machine", "pc"]);
    the_kernel_succeeds_on(&["--machine", "q35", "--cpu", "qemu64"]);
    the_kernel_succeeds_on(&["--machine", "pc", "--cpu", "qemu64"]);
}

#[test]
fn uefi_starts_the_same_kernel_also_with_the_least_memory() {
    the_kernel_succeeds_on(&["--uefi"]);
    the_kernel_succeeds_on(&["--uefi", "--memory", "64M"]);
}

#[test]
fn test_kernels_pass_on_uefi() {
    let run = run(test_kernel("boot_facts"), &["--uefi"]);
    assert_eq!(run.status, Some(0), "{run:?}");
    assert!(run.passed() > 1, "{run:?}");
}

#[test]
fn the_filter_and_the_list_reach_the_guest() {
    let kernel = test_kernel("boot_facts");
    let listed = run(kernel, &["--list"]);
    assert_eq!((listed.status, listed.passed()), (Some(0), 0), "{listed:?}");
    let names: Vec<_> = listed
        .guest
        .lines()
        .filter_map(|line| line.strip_suffix(": test"))
        .collect();
    assert!(names.len() > 1, "{listed:?}");
    let last = names[names.len() - 1];
    let one = run(kernel, &[last, "--exact"]);
    assert_eq!((one.status, one.passed()), (Some(0), 1), "{one:?}");
    assert!(
        one.guest.contains(&format!("test {last} ... ok")),
        "{one:?}"
    );
    let none = run(kernel, &["no_test_has_this_name"]);
    assert_eq!((none.status, none.passed()), (Some(0), 0), "{none:?}");
}
