//! A swap disk that fails, or has too few slots: who ends, and what stays.

use crate::disks::told;
use crate::monitor::answer;

#[test]
fn a_program_is_killed_for_a_slot_that_cannot_be_read_and_the_prompt_lives() {
    let options = ["--memory", "24M", "--swap", "64M", "--fail-every", "500"];
    let run = told("run sort-big 24; swap; audit; run hello", &options);
    assert!(run.guest.contains("killed=7 reason=unreadable"), "{run:?}");
    let (_, words) = run.guest.split_once("it waits for slot ").unwrap();
    let (slot, words) = words.split_once(',').unwrap();
    let sector = 8 * slot.parse::<u64>().unwrap();
    let expected = format!(
        " which could not be read: sector {sector} of the disk `swap`: \
         the device reports an input or output error"
    );
    assert!(words.starts_with(&expected), "{run:?}");
    let swap = |field| answer(&run, "swap", field).parse::<u64>().unwrap();
    assert!(swap("failed") > 0 && swap("read") > 0, "{run:?}");
    assert_eq!(swap("used"), 0, "{run:?}");
    assert_eq!(answer(&run, "audit", "audit"), "ok");
    assert!(run.guest.contains("exited=0 "), "{run:?}");
}

#[test]
fn on_a_disk_of_which_every_request_fails_each_page_stays_where_it_is() {
    let commands = "alloc demand 16K; fill 0x1000 16K 7; evict 4; read 0x4000 2; swap; audit";
    let options = ["--swap", "1M", "--files-disk", "--fail-every", "1"];
    let run = told(commands, &options);
    assert_eq!(run.status, Some(0), "{run:?}");
    assert_eq!(answer(&run, "evict 4", "evicted"), "0");
    assert!(run.guest.contains("0x4000  07 07"), "{run:?}");
    assert_eq!(answer(&run, "swap", "used"), "0");
    // The search leaves a disk alone that fails so often in a row.
    assert_eq!(answer(&run, "swap", "failed"), "8");
    assert_eq!(answer(&run, "audit", "audit"), "ok");
    let run = told("files", &options);
    let words = "the archive of files cannot be read: sector 0 of the disk `files`";
    assert!(run.guest.contains(words), "{run:?}");
}

#[test]
fn a_program_that_needs_more_than_frames_and_slots_is_killed_for_want_of_frames() {
    // All slots are in use soon, or none can be written.
    for disk in [
        &["--swap", "256K"][..],
        &["--swap", "8M", "--fail-every", "1"],
    ] {
        let options = [&["--memory", "24M"], disk].concat();
        let run = told(
            "limit frames 150; run sort-big 2; swap; audit; limit frames off; run hello",
            &options,
        );
        assert!(
            run.guest.contains("killed=9 reason=out_of_frames"),
            "{run:?}"
        );
        assert_eq!(answer(&run, "swap", "used"), "0", "{run:?}");
        assert_eq!(answer(&run, "audit", "audit"), "ok");
        assert!(run.guest.contains("exited=0 "), "{run:?}");
    }
}
