//! The machines that the boot chain is known to start on, from the smallest to memory above 4 GiB.

use crate::kernels::{Run, kernel, run, run_with_input, test_kernel};

/// What the seven runs of the example cost in all: immediate, demand and zero
/// backing, each in order and with b first, and the blocks that straddle a page.
pub(crate) const COSTS: [&str; 7] = [
    "faults=0 frames=2 tables=3 records=1",
    "faults=0 frames=2 tables=3 records=1",
    "faults=1 frames=1 tables=3 records=1",
    "faults=1 frames=1 tables=3 records=1",
    "faults=2 frames=1 tables=3 records=1",
    "faults=2 frames=1 tables=3 records=1",
    "faults=2 frames=2 tables=3 records=1",
];

/// The kernel runs its example to the end, with the same numbers as everywhere.
fn the_kernel_succeeds_on(machine: &[&str]) {
    let run = run(
        kernel(),
        &[machine, &["--headless", "--timeout", "60"]].concat(),
    );
    assert_eq!(run.status, Some(0), "{machine:?}: {run:?}");
    let costs: Vec<&str> = run
        .guest
        .lines()
        .filter_map(|line| line.trim().strip_prefix("in all: "))
        .collect();
    assert_eq!(costs, COSTS, "{machine:?}: {run:?}");
    assert_eq!(
        run.guest.matches("\n    #PF CR2=0x1").count(),
        8,
        "{machine:?}: {run:?}"
    );
    assert!(
        run.words
            .ends_with("boot: the machine powered off: success (status 0)\n"),
        "{machine:?}: {run:?}"
    );
}

/// Every test of a test kernel passes, and there is more than one.
fn tests_pass_on(name: &str, machine: &[&str]) -> Run {
    let run = run(test_kernel(name), machine);
    assert_eq!(run.status, Some(0), "{machine:?}: {run:?}");
    assert!(run.passed() > 1, "{machine:?}: {run:?}");
    run
}

#[test]
fn the_least_memory_on_bios_is_enough() {
    the_kernel_succeeds_on(&["--memory", "24M"]);
}

/// The firmware's tables describe a local APIC there all the same.
#[test]
fn a_processor_without_a_local_apic_is_served_by_the_8259() {
    for machine in ["q35", "pc"] {
        let machine_of = ["--cpu", "qemu64,-apic", "--machine", machine];
        let options = [
            &machine_of[..],
            &["--headless", "--no-tour", "--timeout", "60"],
        ]
        .concat();
        let run = run_with_input(kernel(), &options, b"audit\nexit 7\n");
        assert_eq!(run.status, Some(7), "{machine}: {run:?}");
        assert!(
            run.guest.contains("serial line: by the 8259"),
            "{machine}: {run:?}"
        );
        assert!(run.guest.contains("audit=ok"), "{machine}: {run:?}");
    }
}

#[test]
fn with_64_mib_and_with_3_gib_the_example_is_the_same() {
    the_kernel_succeeds_on(&["--memory", "64M"]);
    the_kernel_succeeds_on(&["--memory", "3G"]);
}

#[test]
fn a_frame_above_4_gib_is_handed_out_and_written() {
    the_kernel_succeeds_on(&["--memory", "6G"]);
    for chipset in ["q35", "pc"] {
        let run = tests_pass_on("frames", &["--memory", "6G", "--machine", chipset]);
        let words = "frames from 0x100000000 on hold what was written";
        assert!(run.guest.contains(words), "{chipset}: {run:?}");
    }
}

#[test]
fn both_chipsets_and_both_an_early_and_a_full_processor_do() {
    the_kernel_succeeds_on(&["--machine", "q35", "--cpu", "max"]);
    the_kernel_succeeds_on(&["--machine", "q35", "--cpu", "qemu64"]);
    the_kernel_succeeds_on(&["--machine", "pc", "--cpu", "max"]);
    the_kernel_succeeds_on(&["--machine", "pc", "--cpu", "qemu64"]);
}

#[test]
fn uefi_starts_the_same_kernel_also_with_the_least_memory() {
    the_kernel_succeeds_on(&["--uefi"]);
    the_kernel_succeeds_on(&["--uefi", "--memory", "64M"]);
}

#[test]
fn test_kernels_pass_on_uefi_whose_memory_map_is_ten_times_as_long() {
    tests_pass_on("boot_facts", &["--uefi"]);
    tests_pass_on("memory_map", &["--uefi"]);
}

#[test]
fn the_audit_finds_nothing_broken_on_several_processors_and_on_uefi() {
    for processor in ["qemu64", "Haswell", "max"] {
        tests_pass_on("protection", &["--cpu", processor]);
    }
    tests_pass_on("protection", &["--machine", "pc", "--memory", "24M"]);
    tests_pass_on("protection", &["--uefi"]);
}
