//! Machines on which no kernel can start: the runner says so as soon as it is known, with the reason.

use std::path::Path;

use crate::kernels::{Run, outside, run};

/// What the runner says of a machine that never started the kernel.
fn refused(machine: &[&str]) -> Run {
    let arguments = [machine, &["--headless", "--timeout", "60"]].concat();
    let run = run(&outside("echo_monitor"), &arguments);
    assert_eq!((run.status, run.guest.as_str()), (Some(125), ""), "{run:?}");
    run
}

#[test]
fn a_processor_without_what_the_boot_loader_needs_is_named() {
    for firmware in [&["--cpu"][..], &["--uefi", "--cpu"]] {
        for (cpu, lack) in [
            ("qemu64,-nx", "(no NX)"),
            ("pentium3", "(no long mode)"),
            ("qemu32", "(no long mode)"),
        ] {
            let run = refused(&[firmware, &[cpu]].concat());
            assert!(
                run.words.starts_with("boot: error: no kernel can start: "),
                "{run:?}"
            );
            assert!(run.words.contains(lack), "{run:?}");
            assert_eq!(run.words.lines().count(), 1, "{run:?}");
        }
    }
}

#[test]
fn a_machine_without_a_screen_is_named_on_bios() {
    for machine in [
        &["--qemu-arg=-vga", "--qemu-arg=none"][..],
        &["--qemu-arg=-machine", "--qemu-arg=microvm"],
    ] {
        let run = refused(machine);
        assert!(
            run.words
                .contains("no kernel can start: this machine has no screen"),
            "{run:?}"
        );
        assert!(run.words.contains("--uefi"), "{run:?}");
    }
    let other = ["--qemu-arg=-vga", "--qemu-arg=cirrus", "--after", "exit 5"];
    assert_eq!(run(&outside("echo_monitor"), &other).status, Some(5));
}

#[test]
fn a_boot_loader_that_stands_still_is_told_at_the_timeout() {
    // A screen that the boot loader does not find.
    let machine = [
        "--qemu-arg=-vga",
        "--qemu-arg=none",
        "--qemu-arg=-device",
        "--qemu-arg=isa-vga",
    ];
    let options = ["--headless", "--timeout", "5"];
    let run = run(&outside("echo_monitor"), &[&machine[..], &options].concat());
    assert_eq!((run.status, run.guest.as_str()), (Some(124), ""), "{run:?}");
    let words = "boot: no kernel started: the machine did not get past its firmware";
    assert!(run.words.starts_with(words), "{run:?}");
}

#[test]
fn firmware_that_refuses_the_boot_loader_ends_the_run_before_the_timeout() {
    // Debian's firmware with the usual keys.
    let firmware = "/usr/share/OVMF/OVMF_CODE_4M.ms.fd";
    if !Path::new(firmware).exists() {
        eprintln!("left out: there is no {firmware}");
        return;
    }
    let run = refused(&["--uefi", "--ovmf", firmware]);
    let words = "boot: no kernel started; the firmware said\nBdsDxe: ";
    assert!(run.words.contains(words), "{run:?}");
    assert!(run.words.contains("Access Denied\n"), "{run:?}");
    assert!(
        run.words
            .contains("boot: error: no kernel can start: the firmware trusts signed"),
        "{run:?}"
    );
    assert!(!run.words.contains('\x1b'), "{run:?}");
}

#[test]
fn a_file_of_variables_is_no_firmware() {
    let variables = "/usr/share/OVMF/OVMF_VARS_4M.fd";
    if !Path::new(variables).exists() {
        eprintln!("left out: there is no {variables}");
        return;
    }
    let run = refused(&["--uefi", "--ovmf", variables]);
    assert!(run.words.contains("name the code file"), "{run:?}");
    assert_eq!(run.words.lines().count(), 1, "{run:?}");
}
