//! Test kernels on machines of other sizes: right there too, or skipped with the reason.

use crate::kernels::{Run, run, test_kernel};

/// A test kernel that was right on a machine of this size.
fn right(kernel: &str, memory: &str) -> Run {
    let run = run(test_kernel(kernel), &["--memory", memory]);
    assert_eq!(run.status, Some(0), "{run:?}");
    run
}

#[test]
fn a_test_that_the_machine_is_too_small_for_is_counted_as_ignored_with_the_reason() {
    let run = right("heap_trim", "24M");
    assert!(
        run.guest
            .contains(" ... ignored, since it needs 26624 free frames, and there are "),
        "{run:?}"
    );
    assert!(
        run.guest
            .contains("test result: ok. 0 passed; 0 failed; 1 ignored; "),
        "{run:?}"
    );
}

#[test]
fn the_heaps_tests_are_right_with_notes_of_one_page_and_of_more() {
    for memory in ["24M", "1G"] {
        let run = right("heap_untouched", memory);
        assert_eq!(run.passed(), 1, "{run:?}");
    }
}

#[test]
fn the_pictures_tests_are_right_where_a_cell_is_megabytes() {
    let run = right("monitor_look", "1G");
    assert_eq!(run.passed(), 6, "{run:?}");
}
