//! The custom test framework: it runs the `#[test_case]`s of one kernel and ends the machine.
//!
//! Its lines are worded as cargo's own, so that the same scripts can sum them.
//! Nothing unwinds here: the first failure ends the machine with status 101,
//! and the closing line counts the tests that were not run. Words of the
//! command line: `filter=NAME` (part of a name) and `exact` (the whole name). The
//! log begins at `warn` here, unless `log=LEVEL` is there.
//!
//! A test that the machine is too small for says so with [`has_frames`]: it is
//! counted as ignored, not as passed.
//!
//! Tests run in the order of their names. One that ends in an exception on
//! purpose is the last of its kernel and says so with [`expect_report`].
//! In the book: chapter 9, `docs/09-testing-a-kernel.md`.

use core::fmt;

use crate::boot::{self, BootInfo};
use crate::command_line::{self, CommandLine};
use crate::exit::ExitStatus;
use crate::report::{self, Report};
use crate::{console, cpu, disk, handlers, heap, print, println, spaces, swap};
use memory::words::Count;
use spin::Mutex;

/// A test: a function without arguments that panics when it fails.
pub trait Testable: Sync {
    /// Its path, crate first. The runner reads it from the name of this function in the kernel's file.
    fn name(&self) -> &'static str;

    /// Runs it.
    fn run(&self);
}

impl<F: Fn() + Sync> Testable for F {
    fn name(&self) -> &'static str {
        core::any::type_name::<F>()
    }

    fn run(&self) {
        self();
    }
}

/// How far this kernel's tests have come. Nobody holds the lock while a test runs.
struct Progress {
    selected: usize,
    filtered: usize,
    passed: usize,
    ignored: usize,
    current: Option<&'static str>,
    expected: Option<fn(&Report)>,
}

static PROGRESS: Mutex<Progress> = Mutex::new(Progress {
    selected: 0,
    filtered: 0,
    passed: 0,
    ignored: 0,
    current: None,
    expected: None,
});

/// What the boot loader handed to this test kernel.
#[must_use]
pub fn boot_info() -> &'static BootInfo {
    boot::info()
}

/// Brings a test kernel up to its own tables and stack, and goes on with `then`.
///
/// # Panics
///
/// If the machine's memory cannot be set up.
///
/// # Safety
///
/// As for [`spaces::init`]: called once, first, on the boot loader's tables,
/// with what it handed over.
pub unsafe fn set_up(mut boot: BootInfo, then: fn() -> !) -> ! {
    console::init(boot.framebuffer.take(), console::whole_screen);
    if command_line::get().value("log").is_none() {
        log::set_max_level(log::LevelFilter::Warn);
    }
    let features = cpu::init(&handlers::STUBS);
    // SAFETY: as the caller vouches; `then` takes nothing along.
    let Err(error) = unsafe { spaces::init(boot, features, then) };
    panic!("the machine's memory cannot be set up: {error:?}");
}

/// Brings a test kernel up as far as the real one is when it starts its work.
///
/// # Panics
///
/// If there is no room for the heap.
pub fn start_heap() {
    heap::init().expect("room for the heap");
    disk::init();
    swap::init();
}

/// The test runner: runs what the command line selects, and prints one line each.
///
/// Returns when all passed.
pub fn run(tests: &[&dyn Testable]) {
    let line = command_line::get();
    let selected = || tests.iter().filter(|test| is_selected(test.name(), &line));
    let count = selected().count();
    {
        let mut progress = PROGRESS.lock();
        progress.selected = count;
        progress.filtered = tests.len() - count;
    }
    report::set_ending(end_after_report);
    println!("\nrunning {}", Count(count as u64, "test"));
    for test in selected() {
        PROGRESS.lock().current = Some(test.name());
        print!("test {} ... ", test.name());
        test.run();
        assert!(
            PROGRESS.lock().expected.is_none(),
            "the exception that this test announced did not come"
        );
        mark_passed();
    }
    summarize("ok");
}

fn is_selected(name: &str, line: &CommandLine) -> bool {
    match line.value("filter") {
        None => true,
        Some(filter) if line.has("exact") => name == filter,
        Some(filter) => name.contains(filter),
    }
}

/// Whether so many frames are free. If not, the test that runs counts as
/// ignored, for that reason, and must return.
#[must_use]
pub fn has_frames(needed: u64) -> bool {
    let free = spaces::memory().counts().free;
    if free < needed {
        mark(format_args!(
            "ignored, since it needs {needed} free frames, and there are {free}"
        ));
        PROGRESS.lock().ignored += 1;
    }
    free >= needed
}

/// Announces that this test, the last of its kernel, ends in the report of an exception.
///
/// `check` gets the report after it was printed, on the stack of the exception,
/// and panics when it is not the expected one. When it returns, the test passed.
pub fn expect_report(check: fn(&Report)) {
    PROGRESS.lock().expected = Some(check);
}

/// Judges an exception that ended a test, and says with which status the machine ends.
fn end_after_report(report: &Report) -> ExitStatus {
    let expected = PROGRESS.lock().expected.take();
    let Some(check) = expected else {
        mark_failed();
        summarize_failure();
        return ExitStatus::RefusedFault;
    };
    check(report);
    mark_passed();
    let left = {
        let progress = PROGRESS.lock();
        progress.selected - progress.passed - progress.ignored
    };
    if left > 0 {
        println!("a test that ends in an exception must be the last; {left} came after it");
        summarize("FAILED");
        return ExitStatus::Panic;
    }
    summarize("ok");
    ExitStatus::Success
}

/// Marks the current test as passed, unless it was marked already.
fn mark_passed() {
    if mark(format_args!("ok")) {
        PROGRESS.lock().passed += 1;
    }
}

/// Ends the line of the current test; says its name again when others printed in
/// between. False if no test is running that is not marked yet.
fn mark(result: fmt::Arguments<'_>) -> bool {
    let Some(name) = PROGRESS.lock().current.take() else {
        return false;
    };
    if console::column() == "test ".len() + name.len() + " ... ".len() {
        println!("{result}");
    } else {
        console::print_fresh_line(format_args!("test {name} ... {result}"));
    }
    true
}

/// For a panic: says that the current test failed, if one is running.
pub(crate) fn mark_failed() {
    if PROGRESS.try_lock().is_some() {
        mark(format_args!("FAILED"));
    }
}

/// For a panic: prints the closing line, if this kernel runs tests.
pub(crate) fn summarize_failure() {
    if PROGRESS
        .try_lock()
        .is_some_and(|progress| progress.selected > 0)
    {
        summarize("FAILED");
    }
}

fn summarize(result: &str) {
    let progress = PROGRESS.lock();
    let failed = usize::from(result != "ok");
    let not_run = (progress.selected - progress.passed - progress.ignored).saturating_sub(failed);
    print!(
        "\ntest result: {result}. {} passed; {failed} failed; {} ignored; 0 measured; {} filtered out",
        progress.passed, progress.ignored, progress.filtered
    );
    if not_run > 0 {
        print!("; {not_run} not run");
    }
    println!("\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test_case]
    fn a_filter_selects_by_part_of_the_name() {
        let line = CommandLine::new("filter=stack");
        assert!(is_selected("kernel::stack::tests::a", &line));
        assert!(!is_selected("kernel::cpu::tests::a", &line));
    }

    #[test_case]
    fn an_exact_filter_selects_by_the_whole_name() {
        let line = CommandLine::new("exact filter=a::b");
        assert!(is_selected("a::b", &line));
        assert!(!is_selected("a::bc", &line));
    }

    #[test_case]
    fn without_a_filter_every_test_is_selected() {
        assert!(is_selected("a::b", &CommandLine::new("exact")));
    }
}
