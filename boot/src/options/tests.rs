use clap::{CommandFactory, error::ErrorKind};

use super::*;

fn options(arguments: &[&str]) -> Options {
    Options::try_parse_from(["boot"].iter().chain(arguments)).unwrap()
}

/// A file that exists, so that only the option under test can be refused.
fn checked(arguments: &[&str]) -> Result<(), String> {
    let kernel = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let arguments: Vec<_> = [kernel].iter().chain(arguments).copied().collect();
    options(&arguments)
        .check()
        .map_err(|error| format!("{error:#}"))
}

#[test]
fn the_definition_of_the_command_line_is_consistent() {
    Options::command().debug_assert();
}

#[test]
fn without_options_it_is_bios_on_q35_with_128_mib_and_no_timeout() {
    let options = options(&["target/x86_64-unknown-none/debug/faultline"]);
    assert!(!options.uefi && !options.headless && !options.gdb && !options.image_only);
    assert_eq!(options.machine, MachineType::Q35);
    assert_eq!(options.memory, 128 << 20);
    assert_eq!(
        (options.cpu.as_str(), options.accel.as_str()),
        ("max", "tcg")
    );
    assert_eq!(options.timeout_seconds(), None);
    assert!(!options.is_test());
    assert_eq!(options.kernel_name(), "faultline");
}

#[test]
fn a_kernel_in_deps_is_a_test_with_a_timeout_and_a_name_without_hash() {
    let test = "/x/target/x86_64-unknown-none/debug/deps/boot_facts-0123456789abcdef";
    assert!(options(&[test]).is_test());
    assert_eq!(options(&[test]).kernel_name(), "boot_facts");
    assert_eq!(options(&[test]).timeout_seconds(), Some(120));
    assert_eq!(
        options(&[test, "--timeout", "7"]).timeout_seconds(),
        Some(7)
    );
    assert_eq!(options(&[test, "--gdb"]).timeout_seconds(), None);
}

#[test]
fn sizes_take_k_m_and_g_of_1024() {
    assert_eq!(parse_memory("24576K"), Ok(24 << 20));
    assert_eq!(parse_memory("512M"), Ok(512 << 20));
    assert_eq!(parse_memory("6g"), Ok(6 << 30));
}

#[test]
fn a_size_without_suffix_or_number_is_refused_with_a_right_one() {
    for text in [
        "",
        "512",
        "M",
        "-1M",
        "1.5G",
        "12MB",
        "ü",
        "99999999999999999999M",
    ] {
        let error = parse_memory(text).unwrap_err();
        assert!(error.contains("such as 512M"), "{text}: {error}");
    }
    let error = parse_memory("17179869184G").unwrap_err();
    assert!(error.contains("more than 64 bits"), "{error}");
}

#[test]
fn sizes_are_written_with_the_largest_suffix_that_is_exact() {
    assert_eq!(format_memory(6 << 30), "6G");
    assert_eq!(format_memory(1536 << 20), "1536M");
    assert_eq!(format_memory((24 << 20) - 1024), "24575K");
    assert_eq!(format_memory(0), "0M");
}

#[test]
fn too_little_memory_is_refused_by_the_least_of_the_firmware() {
    let bios = checked(&["--memory", "24575K"]).unwrap_err();
    assert!(
        bios.contains("24575K") && bios.contains("at least 24M on BIOS"),
        "{bios}"
    );
    let uefi = checked(&["--memory", "63M", "--uefi"]).unwrap_err();
    assert!(
        uefi.contains("63M") && uefi.contains("at least 64M on UEFI"),
        "{uefi}"
    );
    assert_eq!(bios.lines().count(), 1);
    assert_eq!(checked(&["--memory", "24M"]), Ok(()));
    assert_eq!(checked(&["--memory", "64M", "--uefi"]), Ok(()));
}

#[test]
fn requests_can_only_fail_where_there_is_a_disk() {
    for disk in [&["--swap", "4K"][..], &["--files-disk"]] {
        let words = [&["--fail-every", "7"], disk].concat();
        assert_eq!(checked(&words), Ok(()));
    }
    let error = checked(&["--fail-every", "7"]).unwrap_err();
    assert!(
        error.ends_with("add --swap SIZE or --files-disk"),
        "{error}"
    );
    for number in ["0", "1001"] {
        assert!(Options::try_parse_from(["boot", "k", "--fail-every", number]).is_err());
    }
}

#[test]
fn a_swap_disk_is_a_whole_number_of_pages() {
    assert_eq!(options(&["k", "--swap", "64M"]).swap, Some(64 << 20));
    assert_eq!(checked(&["--swap", "4K"]), Ok(()));
    for size in ["0K", "6K"] {
        let error = checked(&["--swap", size]).unwrap_err();
        assert!(
            error.contains("pages have 4K, so take a multiple"),
            "{error}"
        );
    }
    assert_eq!(checked(&["--swap", "6K"]).unwrap_err().lines().count(), 1);
    let error = Options::try_parse_from(["boot", "k", "--swap", "64"]).unwrap_err();
    assert!(error.to_string().contains("such as 512M"), "{error}");
}

#[test]
fn an_image_alone_brings_no_disk_of_files() {
    let line = ["boot", "k", "--files-disk", "--image-only"];
    let error = Options::try_parse_from(line).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ArgumentConflict);
}

#[test]
fn cargo_bench_is_answered_with_the_commands_that_measure() {
    let error = checked(&["--bench"]).unwrap_err();
    assert!(
        error.contains("`cargo host-bench`") && error.contains("`cargo kernel-bench`"),
        "{error}"
    );
}

#[test]
fn what_only_a_test_kernel_can_take_is_refused_for_the_kernel_itself() {
    let meant = checked(&["uefi"]).unwrap_err();
    assert!(meant.contains("did you mean --uefi?"), "{meant}");
    let filter = checked(&["heap"]).unwrap_err();
    assert!(filter.contains("`cargo test heap`"), "{filter}");
    let exact = checked(&["heap", "--exact"]).unwrap_err();
    assert_eq!(filter, exact);
    let list = checked(&["--list"]).unwrap_err();
    assert!(list.contains("`cargo test -- --list`"), "{list}");
}

#[test]
fn a_missing_kernel_is_refused_with_its_path() {
    let error = options(&["/no/such/kernel"])
        .check()
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("/no/such/kernel") && error.contains("cargo run"),
        "{error}"
    );
}

#[test]
fn the_options_of_the_usual_test_harness_are_understood() {
    let options = options(&[
        "k",
        "heap",
        "--exact",
        "--list",
        "--nocapture",
        "--test-threads",
        "1",
        "-q",
        "--show-output",
    ]);
    assert_eq!(options.filter.as_deref(), Some("heap"));
    assert!(options.exact && options.list && options.nocapture && options.quiet);
}

#[test]
fn exact_without_a_filter_is_refused() {
    let error = Options::try_parse_from(["boot", "k", "--exact"]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MissingRequiredArgument);
}

#[test]
fn arguments_for_qemu_may_begin_with_a_hyphen_and_keep_their_order() {
    let options = options(&["k", "--qemu-arg", "-smp", "--qemu-arg", "2"]);
    assert_eq!(options.qemu_arg, ["-smp", "2"]);
}

#[test]
fn a_timeout_of_zero_is_refused() {
    let error = Options::try_parse_from(["boot", "k", "--timeout", "0"]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ValueValidation);
}
