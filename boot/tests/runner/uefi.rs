//! What UEFI firmware says on the serial port is not taken for the guest's words.

use crate::kernels::{outside, run};

#[test]
fn the_guests_first_byte_is_the_first_that_is_shown() {
    let run = run(&outside("echo_monitor"), &["--uefi", "--after", "frames"]);
    assert_eq!(run.status, Some(0), "{run:?}");
    assert!(run.guest.starts_with("> frames\r\n"), "{run:?}");
    assert!(!run.guest.contains('\x1b'), "{run:?}");
    assert!(!run.words.contains("firmware"), "{run:?}");
}
