//! 10,000 commands made at random, valid and not: the machine lives, every
//! invariant holds, and after everything is freed every frame is back.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(kernel::testing::run)]
#![reexport_test_harness_main = "test_main"]

extern crate alloc;

#[path = "common/author.rs"]
mod author;
#[path = "common/session.rs"]
mod session;

use core::fmt::Write;

use author::Author;
use kernel::monitor::Monitor;
use kernel::monitor::output::Output;
use kernel::spaces;
use memory::frames::Counts;
use session::{Page, field};
use x86_64::VirtAddr;

kernel::test_kernel!(test_main);

const COMMANDS: u64 = 10_000;
const SEED: u64 = 0x5eed_0000_fa17;

/// Executes a line, and leaves the answer on the page.
fn answer(monitor: &mut Monitor, line: &str, page: &mut Page) {
    page.clear();
    let result = monitor.execute(line, &mut Output::new(page));
    if let Err(error) = result {
        writeln!(page, "error: {error}").expect("a page is long");
    }
}

fn frame_counts() -> Counts {
    spaces::memory().counts()
}

#[test_case]
fn ten_thousand_random_commands_leave_every_frame_where_it_was() {
    let mut page = Page::new(1 << 20);
    let mut line = Page::new(1 << 10);
    spaces::make_rooms().expect("room on the heap");
    let mut monitor = Monitor::new();
    let mut author = Author::new(SEED);
    let before = frame_counts();
    let (mut errors, mut regions, mut refused, mut audits) = (0_u64, 0_u64, 0_u64, 0_u64);
    for number in 0..COMMANDS {
        author.line(&mut line);
        answer(&mut monitor, line.text(), &mut page);
        let text = page.text();
        if let Some(start) = text.find("error: ") {
            assert_eq!(
                text[start..].matches('\n').count(),
                1,
                "{}: {text}",
                line.text()
            );
            errors += 1;
            refused += u64::from(text.contains(" was refused: "));
        } else if line.text().starts_with("alloc") {
            let base = field(text, "region").expect("alloc tells the region");
            author.remember(u64::from_str_radix(&base[2..], 16).expect("an address"));
            regions += 1;
        }
        if number % 100 == 99 {
            audits += u64::from(audit(&mut monitor, &mut page));
        }
    }
    free_everything(&mut monitor, &mut page);
    assert!(audit(&mut monitor, &mut page));
    assert_eq!(frame_counts(), before);
    // What this seed comes to. A few megabytes more or less change nothing, many
    // change which commands find room.
    let found = [errors, refused, regions, audits];
    let on_128_mib = [6560, 809, 774, 100];
    if (120..=128).contains(&(before.total >> 8)) {
        assert_eq!(found, on_128_mib);
    }
    for (found, expected) in found.into_iter().zip(on_128_mib) {
        assert!(
            found.abs_diff(expected) <= expected / 10,
            "{found} of {expected}"
        );
    }
}

/// Audits, with the limit lifted meanwhile. False if there was no memory for the
/// audit's notes, since the commands have taken all there is.
fn audit(monitor: &mut Monitor, page: &mut Page) -> bool {
    let limit = frame_counts().limit;
    answer(monitor, "limit frames off", page);
    answer(monitor, "audit", page);
    spaces::memory().set_limit(limit);
    let is_ok = page.text().starts_with("audit=ok ");
    let no_memory = "error: there is no memory for the notes of the audit";
    assert!(
        is_ok || page.text().starts_with(no_memory),
        "{}",
        page.text()
    );
    is_ok
}

/// Frees all that is left, with the monitor's own commands.
fn free_everything(monitor: &mut Monitor, page: &mut Page) {
    let mut line = Page::new(1 << 10);
    answer(monitor, "trace off", page);
    answer(monitor, "limit frames off", page);
    answer(monitor, "space 0", page);
    for number in 1..32 {
        line.clear();
        write!(line, "space free {number}").expect("a line is short");
        answer(monitor, line.text(), page);
    }
    answer(monitor, "spaces", page);
    assert_eq!(page.text().lines().count(), 1);
    while let Some(region) = spaces::current(|space, _| space.region_above(VirtAddr::zero())) {
        line.clear();
        write!(line, "free {:#x}", region.base).expect("a line is short");
        answer(monitor, line.text(), page);
        assert!(page.text().starts_with("freed="), "{}", page.text());
    }
}
