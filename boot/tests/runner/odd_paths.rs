//! Files with odd names, folders that cannot be written to, and the kernel that is booted.

use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use crate::kernels::{boot, outside, run, test_kernel};

#[test]
fn paths_may_hold_whatever_a_path_may_hold() {
    let folder = tempfile::tempdir().unwrap();
    let odd = folder.path().join("a b,c 'd' \"e\" %s %d é:$HOME;");
    fs::create_dir(&odd).unwrap();
    let kernel = odd.join("kernel, 100 %");
    fs::copy(test_kernel("must_fail_triple_fault"), &kernel).unwrap();
    let output = boot(&kernel, &["--headless"])
        .env("TMPDIR", &odd)
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(134), "{words}");
    // QEMU's log was read.
    assert!(
        words.ends_with("boot: triple fault: the machine reset itself (status 134)\n"),
        "{words}"
    );
    assert_eq!(fs::read_dir(&odd).unwrap().count(), 1);
}

#[test]
fn a_folder_that_takes_no_temporary_files_is_named_in_one_line() {
    for (folder, cause) in [("/no/such/folder", "No such file"), ("/proc", "")] {
        let kernel = outside("echo_monitor");
        let output = boot(&kernel, &["--headless"])
            .env("TMPDIR", folder)
            .output();
        let output = output.unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(125), "{words}");
        assert_eq!(words.lines().count(), 1, "{words}");
        let expected = format!(
            "no temporary files can be made in {folder}; TMPDIR names another folder: {cause}"
        );
        assert!(words.contains(&expected), "{words}");
    }
}

#[test]
fn the_kernel_that_is_booted_is_the_one_that_is_there_however_old_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let kernel = folder.path().join("kernel");
    let status = |name: &str, age: u64| {
        fs::copy(outside(name), &kernel).unwrap();
        let made = SystemTime::now() - Duration::from_secs(age);
        let file = File::options().append(true).open(&kernel).unwrap();
        file.set_modified(made).unwrap();
        run(
            &kernel,
            &["--headless", "--after", "exit 5", "--timeout", "60"],
        )
        .status
    };
    assert_eq!(status("echo_monitor", 0), Some(5));
    assert_eq!(status("must_fail_triple_fault", 3600), Some(134));
}
