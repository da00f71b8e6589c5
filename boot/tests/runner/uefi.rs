//! What UEFI firmware says on the serial port is not taken for the guest's words.

use std::fs;

use crate::kernels::{outside, run};

#[test]
fn the_guests_first_byte_is_the_first_that_is_shown() {
    let run = run(&outside("echo_monitor"), &["--uefi", "--after", "frames"]);
    assert_eq!(run.status, Some(0), "{run:?}");
    assert!(run.guest.starts_with("> frames\r\n"), "{run:?}");
    assert!(!run.guest.contains('\x1b'), "{run:?}");
    assert!(!run.words.contains("firmware"), "{run:?}");
}

#[test]
fn firmware_that_starts_no_kernel_is_heard_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let kernel = folder.path().join("kernel");
    fs::copy(outside("echo_monitor"), &kernel).unwrap();
    let kernel_alone = run(&kernel, &["--uefi", "--image-only"]);
    // An image that is up to date, and empty.
    let image = kernel_alone.guest.trim_end();
    let length = fs::metadata(image).unwrap().len();
    fs::write(image, vec![0; length as usize]).unwrap();
    let run = run(&kernel, &["--uefi", "--headless", "--timeout", "25"]);
    assert_eq!((run.status, run.guest.as_str()), (Some(124), ""), "{run:?}");
    assert!(
        run.words
            .contains("boot: no kernel started; the firmware said\nBdsDxe: "),
        "{run:?}"
    );
    assert!(!run.words.contains('\x1b'), "{run:?}");
}
