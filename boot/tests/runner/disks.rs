//! The disks of the machine: for pages that lose their frames, and for the archive of files.

use std::fs;
use std::path::Path;

use ::archive::Kind;
use boot::{archive, programs};

use crate::kernels::{Run, kernel, run, test_kernel};
use crate::monitor::answer;

/// Every test of a test kernel passes on this machine, and there is more than one.
fn tests_pass_on(name: &str, machine: &[&str]) {
    let run = run(test_kernel(name), machine);
    assert_eq!(run.status, Some(0), "{machine:?}: {run:?}");
    assert!(run.passed() > 1, "{machine:?}: {run:?}");
}

/// What the kernel says to these commands.
pub(crate) fn told(commands: &str, machine: &[&str]) -> Run {
    let options = ["--no-tour", "--headless", "--timeout", "300"];
    run(
        kernel(),
        &[&options[..], &["--after", commands], machine].concat(),
    )
}

/// The arguments of QEMU, each behind its option.
fn qemu<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    let pairs = arguments.iter().map(|argument| ["--qemu-arg", argument]);
    pairs.flatten().collect()
}

#[test]
fn pages_are_read_and_written_on_both_chipsets_and_both_firmwares() {
    for machine in [
        &["--machine", "q35"][..],
        &["--machine", "pc"],
        &["--uefi"],
        &["--uefi", "--machine", "pc", "--memory", "6G"],
    ] {
        tests_pass_on("disk", machine);
    }
}

#[test]
fn a_disk_that_fails_is_told_by_its_sector_on_both_chipsets() {
    for machine in ["q35", "pc"] {
        tests_pass_on("disk_errors", &["--machine", machine]);
    }
}

#[test]
fn files_of_a_disk_are_the_same_as_in_memory_on_either_firmware() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("bin")).unwrap();
    fs::write(folder.path().join("bin/a"), [7; 5000]).unwrap();
    let files = ["--files", folder.path().to_str().unwrap()];
    let commands = "files; run hello one 'two words'; attach bin/a; read 0x2380 16; audit";
    let said = |machine: &[&str]| {
        let run = told(commands, &[&files[..], machine].concat());
        assert_eq!(run.status, Some(0), "{run:?}");
        assert_eq!(answer(&run, "audit", "audit"), "ok");
        let (_, said) = run.guest.split_once("> files\r\n").unwrap();
        // What a run costs differs by the page that loading reads.
        let lines = said.lines().filter(|line| !line.contains("=ok"));
        let lines = lines.map(|line| line.split(" faults=").next().unwrap().to_owned());
        let lines = lines.filter(|line| !line.starts_with("  "));
        lines.collect::<Vec<_>>()
    };
    let in_memory = said(&[]);
    assert!(in_memory.contains(&"argument 2: two words".to_owned()));
    assert!(
        in_memory
            .iter()
            .any(|line| line.starts_with("0x2380  07 07 07 07 07 07 07 07 00 "))
    );
    for machine in [&[][..], &["--uefi"], &["--machine", "pc"]] {
        assert_eq!(said(&[machine, &["--files-disk"]].concat()), in_memory);
    }
}

#[test]
fn files_of_a_disk_may_be_larger_than_memory_and_only_what_is_touched_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let bytes: Vec<u8> = (0..10_000_u32)
        .flat_map(|page| [page as u8; 4096])
        .collect();
    fs::write(folder.path().join("large"), &bytes).unwrap();
    let files = [
        "--memory",
        "24M",
        "--files",
        folder.path().to_str().unwrap(),
    ];
    let commands = "files; attach large; read 0x1000; read 0x2710000; files; audit";
    let run = told(commands, &[&files[..], &["--files-disk"]].concat());
    assert_eq!(run.status, Some(0), "{run:?}");
    let (before, after) = run.guest.split_once("> attach").unwrap();
    assert!(
        before.contains("file=large size=40960000 mode=644 cached=0"),
        "{run:?}"
    );
    assert!(after.contains("0x2710000  0f"), "{run:?}");
    assert!(
        after.contains("file=large size=40960000 mode=644 cached=2"),
        "{run:?}"
    );
    assert_eq!(answer(&run, "audit", "audit"), "ok");
}

/// A disk with this archive, of which one sector cannot be read.
fn failing_disk(archive: &Path, sector: u64) -> String {
    let file = serde_json::json!({"driver": "file", "filename": archive});
    let error = serde_json::json!([{"event": "read_aio", "sector": sector, "errno": 5}]);
    let failing = serde_json::json!({"driver": "blkdebug", "image": file, "inject-error": error});
    serde_json::json!({"driver": "raw", "node-name": "d", "read-only": true, "file": failing})
        .to_string()
}

const FILES: &str = "virtio-blk-pci,drive=d,serial=files,request-merging=off";

#[test]
fn a_page_of_a_file_that_cannot_be_read_is_refused_and_the_machine_lives() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a"), [7; 3 * 4096]).unwrap();
    let mut bytes = archive::pack(archive::files_of(folder.path()).unwrap()).unwrap();
    bytes.resize(bytes.len().next_multiple_of(4096) + 4096, 0);
    let image = folder.path().join("image");
    fs::write(&image, bytes).unwrap();
    // Sector 0 is the header, and the second page begins at sector 9.
    let disk = failing_disk(&image, 10);
    let disk = qemu(&["-blockdev", &disk, "-device", FILES]);
    let page = told(
        "attach a; read 0x1000; read 0x2000; read 0x3000; audit",
        &disk,
    );
    assert!(
        page.guest
            .contains("sector 9 of the disk `files`: the device reports"),
        "{page:?}"
    );
    assert!(
        page.guest
            .contains("error: read of 0x2000 was refused: it waits for a page"),
        "{page:?}"
    );
    assert_eq!(page.guest.matches("  07 ").count(), 2, "{page:?}");
    assert_eq!(answer(&page, "audit", "audit"), "ok");
}

#[test]
fn a_program_whose_page_cannot_be_read_is_killed_by_sigbus_and_the_report_names_the_sector() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    let mut bytes = archive::pack(programs::entries(folder.path()).unwrap()).unwrap();
    bytes.resize(bytes.len().next_multiple_of(4096) + 4096, 0);
    fs::write(&image, &bytes).unwrap();
    let packed = ::archive::Archive::new(&bytes).unwrap();
    let Kind::File(hello) = packed.find("bin/hello").unwrap().kind else {
        panic!("it is a file")
    };
    // Its second page, which has the first instruction.
    let sector = (hello.start + 4096) / 512;
    let disk = failing_disk(&image, sector as u64);
    let disk = qemu(&["-blockdev", &disk, "-device", FILES]);
    let options = ["--timeout", "300", "--run", "hello"];
    let run = run(kernel(), &[&options[..], &disk].concat());
    assert_eq!(run.status, Some(128 + 7), "{run:?}");
    let words = format!("sector {sector} of the disk `files`: the device reports");
    assert!(run.guest.contains(&words), "{run:?}");
    assert!(run.guest.contains("killed=7 reason="), "{run:?}");
}

#[test]
fn an_archive_whose_headers_cannot_be_read_or_are_damaged_is_refused_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    let refused = |bytes: &[u8], sector, words: &str| {
        fs::write(&image, bytes).unwrap();
        let disk = failing_disk(&image, sector);
        let disk = qemu(&["-blockdev", &disk, "-device", FILES]);
        let run = told("frames; files; run a; frames; audit", &disk);
        let words = format!("error: the archive of files {words}");
        assert_eq!(run.guest.matches(&words).count(), 2, "{run:?}");
        let frames = run.guest.split("> frames\r\n").skip(1);
        let frames = frames.map(|after| after.lines().take(2).collect::<Vec<_>>());
        let frames: Vec<_> = frames.collect();
        assert_eq!(frames[0], frames[1], "{run:?}");
        assert_eq!(answer(&run, "audit", "audit"), "ok");
    };
    fs::write(folder.path().join("a"), [7; 3 * 4096]).unwrap();
    let mut bytes = archive::pack(archive::files_of(folder.path()).unwrap()).unwrap();
    bytes.resize(bytes.len().next_multiple_of(4096) + 4096, 0);
    let words = "cannot be read: sector 0 of the disk `files`: the device reports";
    refused(&bytes, 0, words);
    bytes[0] = b'b';
    refused(
        &bytes,
        1 << 20,
        "is damaged: header at block 0 has an invalid checksum",
    );
}

#[test]
fn a_disk_that_nobody_knows_is_told_and_left_alone() {
    const NULL: &str = r#"{"driver": "null-co", "node-name": "d", "size": 65536}"#;
    const SECOND: &str = r#"{"driver": "null-co", "node-name": "e", "size": 65536}"#;
    let unknown = qemu(&[
        "-blockdev",
        NULL,
        "-device",
        "virtio-blk-pci,drive=d,serial=mine",
    ]);
    let run = told("audit", &unknown);
    let words = "is not used: its serial is `mine`, and neither `swap` nor `files`";
    assert!(run.guest.contains(words), "{run:?}");
    assert_eq!(answer(&run, "audit", "audit"), "ok");

    let twice = qemu(&[
        "-blockdev",
        NULL,
        "-device",
        "virtio-blk-pci,drive=d,serial=swap",
        "-blockdev",
        SECOND,
        "-device",
        "virtio-blk-pci,drive=e,serial=swap",
    ]);
    let run = told("audit", &twice);
    let words = "is not used: there is another with the serial `swap`";
    assert!(run.guest.contains(words), "{run:?}");
    assert_eq!(answer(&run, "audit", "audit"), "ok");

    let old = "virtio-blk-pci,drive=d,serial=swap,disable-modern=on,disable-legacy=off";
    let run = told("audit", &qemu(&["-blockdev", NULL, "-device", old]));
    assert!(
        run.guest
            .contains("is not used: its registers are not usable"),
        "{run:?}"
    );
    assert_eq!(answer(&run, "audit", "audit"), "ok");
}

#[test]
fn a_swap_disk_that_is_no_number_of_pages_is_refused_before_anything_is_made() {
    let run = run(kernel(), &["--swap", "6K"]);
    assert_eq!(run.status, Some(125), "{run:?}");
    let words =
        "boot: error: --swap 6K: pages have 4K, so take a multiple of that, and at least one";
    assert!(run.words.starts_with(words), "{run:?}");
}
