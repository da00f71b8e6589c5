//! Each request of the disk of files fails in turn, once: headers, the first page of a
//! program, and those that it touches. The next time they are there.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(kernel::testing::run)]
#![reexport_test_harness_main = "test_main"]

extern crate alloc;

#[path = "common/failing.rs"]
mod failing;

use alloc::string::ToString;

use archive::Kind;
use failing::{EVERY, aim, each_fails, frames, run};
use kernel::disk::{Cause, Which};
use kernel::files::{self, FilesError, cache};
use kernel::process::{Ending, Processes};
use kernel::{interrupts, spaces};
use spin::Once;

kernel::test_kernel!(test_main);

fn audit() {
    spaces::audit([]).expect("every invariant holds");
}

/// Reads the headers of the archive once, where each request fails in turn. Returns how
/// many there were.
fn headers_that_failed() -> u64 {
    static FAILED: Once<u64> = Once::new();
    *FAILED.call_once(|| {
        interrupts::init();
        let before = frames();
        for request in 0..EVERY - 1 {
            aim(Which::Files, request);
            match files::archive() {
                Ok(_) => return request,
                Err(FilesError::Disk(error)) => {
                    assert_eq!((error.disk, error.cause), (Which::Files, Cause::Failed));
                    assert_eq!(frames(), before, "after request {request}");
                }
                Err(error) => panic!("{error}"),
            }
            audit();
        }
        panic!("there are fewer headers than {EVERY}");
    })
}

#[test_case]
fn of_the_headers_of_the_files_each_fails_in_turn_and_the_next_time_they_are_there() {
    let failed = headers_that_failed();
    assert!(failed > 8, "{failed}");
    let archive = files::archive().expect("it was read");
    assert!(archive.find("bin/hello").is_some());
}

#[test_case]
fn a_program_whose_file_cannot_be_read_does_not_start_or_is_killed() {
    headers_that_failed();
    let archive = files::archive().expect("it was read");
    let hello = archive.find("bin/hello").expect("the programs are in it");
    let Kind::File(place) = hello.kind else {
        panic!("it is no file: {hello:?}");
    };
    let mut refused = [0; 2];
    let all = each_fails(Which::Files, |_| {
        cache::let_go();
        let mut processes = Processes::new();
        let failed = match processes.start("bin/hello", place, &[b"hello"], &[]) {
            Err(error) => {
                let words = error.to_string();
                assert!(
                    words.contains("of the disk `files`: the device reports"),
                    "{words}"
                );
                refused[0] += 1;
                1
            }
            Ok(id) => match run(&mut processes, id, false) {
                (Ending::Exited(0), _) => 0,
                (_, Some(words)) => {
                    assert!(words.contains("a page of a file, which could not be read: sector"));
                    refused[1] += 1;
                    1
                }
                (other, None) => panic!("{other:?}"),
            },
        };
        let id = processes.start("bin/hello", place, &[b"hello"], &[]);
        let ending = processes.run(id.expect("the next time it starts"));
        assert_eq!(ending, Some(Ending::Exited(0)));
        drop(processes);
        cache::let_go();
        failed
    });
    assert_eq!(refused[0] + refused[1], all);
    assert!(refused[0] > 0 && refused[1] > 1, "{refused:?}");
}
