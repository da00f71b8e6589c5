//! The report of each way to go wrong, as people read it: the kernel does it for real
//! (`crash=NAME`), and the runner puts names to the addresses of the backtrace.

use std::sync::OnceLock;

use crate::crash::{place, report, says};
use crate::kernels::{kernel, run};

/// The report of a null pointer, which several tests read.
fn null() -> &'static str {
    static REPORT: OnceLock<String> = OnceLock::new();
    REPORT.get_or_init(|| report("null", 102))
}

/// The line of the backtrace with this number, without what was inlined there.
fn call(report: &str, number: usize) -> &str {
    let start = format!("  #{number} 0xffff8000");
    report
        .lines()
        .find(|line| line.starts_with(&start))
        .unwrap_or_else(|| panic!("there is no call {number} in\n{report}"))
}

#[test]
fn a_null_pointer_is_told_with_everything_there_is_to_know() {
    says(
        null(),
        &[
            "#PF Page Fault: null pointer\n",
            "  instruction: 0xffff8000",
            " mov byte [",
            "], 0x2a\n",
            "  tried:       write to 0x0 by the kernel, the page is absent\n",
            "  error code:  0x2: write, supervisor mode, page not present\n",
            "  refused:     the null page: address 0 and the 4095 after it are never mapped\n",
            "  address:     below every region of its half\n",
            "  walk:        level 4 [  0] unused\n",
            "               not mapped at level 4\n",
            "  registers:   rax=",
            "  cr2=0000000000000000\n",
            "  backtrace:\n",
        ],
    );
}

#[test]
fn a_backtrace_names_function_file_and_line_of_every_call() {
    let report = null();
    let write = place("kernel/src/cpu/wrong.rs", "pub unsafe fn write(");
    let file = write.split_once(':').unwrap().0;
    assert!(
        call(report, 0).contains(&format!(" kernel::cpu::wrong::write at {file}:")),
        "{report}"
    );
    let null = place("kernel/src/crash/memory.rs", "wrong::write(0)");
    says(
        report,
        &["  #0 ", &format!("kernel::crash::memory::null at {null}\n")],
    );
    let caller = place("kernel/src/crash/mod.rs", "(self.run)()");
    says(report, &["  #1 ", &format!("run at {caller}\n")]);
    says(
        report,
        &[
            "  #2 ",
            "kernel::crash::run at ",
            "faultline::with_memory at kernel/src/main.rs:",
        ],
    );
    let unnamed = report
        .lines()
        .filter(|line| line.starts_with("  #") && !line.contains(" at "));
    assert_eq!(unnamed.count(), 0, "{report}");
}

#[test]
fn an_unmapped_address_is_told_with_the_region_that_it_missed() {
    says(
        &report("unmapped", 102),
        &[
            "#PF Page Fault: unmapped address\n",
            "  tried:       read of 0x4000002010 by the kernel",
            "  error code:  0x0: read, supervisor mode, page not present\n",
            "  refused:     no region holds the address\n",
            "  address:     16 bytes past the end of region of two pages (demand, rw, \
             0x4000000000..0x4000002000)\n",
        ],
    );
}

#[test]
fn a_guard_page_is_named_as_one() {
    says(
        &report("guard", 102),
        &[
            "#PF Page Fault: guard page\n",
            "  tried:       write to 0x4000002018",
            "  refused:     a guard page, which refuses every access\n",
            "  address:     24 bytes into guard behind the region (guard, 0x",
            "level 1 [  2] unused\n",
            "not mapped at level 1\n",
        ],
    );
}

#[test]
fn a_stack_overflow_is_named_and_its_backtrace_is_cut() {
    let report = report("stack", 102);
    says(
        &report,
        &[
            "#DF Double Fault: stack overflow of the kernel stack\n",
            ": in the guard page, ",
            " bytes below the end of the kernel stack at 0xffffc0",
            "  walk: ",
            "not mapped at level 1\n",
            "  backtrace:\n",
            "kernel::crash::memory::deeper at kernel/src/crash/memory.rs:",
            "\n  #24 0xffff8000",
            "  and ",
            " more\n",
        ],
    );
    assert!(!report.contains("  #25 "), "{report}");
}

#[test]
fn a_write_to_code_is_a_write_to_read_only_memory() {
    says(
        &report("write-readonly", 102),
        &[
            "#PF Page Fault: write to read-only memory\n",
            "  tried:       write to 0xffff8000",
            ", the page is present, but does not allow it\n",
            "  error code:  0x3: write, supervisor mode, page present\n",
            "  refused:     the region does not allow writing\n",
            " bytes into kernel text (fixed, rx, 0xffff8000",
            "level 1 [",
            "4K leaf at ",
            ", P A G fixed\n",
            "physical 0x",
        ],
    );
}

#[test]
fn execution_of_data_is_named_and_its_caller_found() {
    let report = report("execute-data", 102);
    says(
        &report,
        &[
            "#PF Page Fault: execution of data\n",
            "  instruction: 0xffffc0",
            "  tried:       instruction fetch from 0xffffc0",
            "  error code:  0x11: instruction fetch, supervisor mode, page present\n",
            "  refused:     the region does not allow executing\n",
            " heap (demand, rw, ",
            " NX\n",
            "  #0 0xffffc0",
            "  #1 0xffff8000",
            "kernel::crash::memory::execute_data at ",
        ],
    );
    let data = report
        .lines()
        .find(|line| line.starts_with("  #0 0xffffc0"));
    assert_eq!(
        data.map(str::len),
        Some("  #0 0xffffc00000000000".len()),
        "{report}"
    );
}

#[test]
fn a_write_past_the_end_of_a_heap_block_is_caught_when_it_is_freed() {
    says(
        &report("heap-overrun", 101),
        &[
            "panicked at kernel/memory/src/heap/",
            "heap: somebody wrote past the end of the block of 96 bytes at 0xffffc08",
            ", to byte 96 of it, counted from 0",
        ],
    );
}

#[test]
fn a_heap_block_that_is_kept_apart_is_named_by_the_access_past_its_end() {
    let options = ["--headless", "--timeout", "60", "--heap-guard"];
    let run = run(
        kernel(),
        &[&options[..], &["--cmdline", "crash=heap-overrun"]].concat(),
    );
    assert_eq!(run.status, Some(102), "{run:?}");
    says(
        &run.guest.replace("\r\n", "\n"),
        &[
            "#PF Page Fault: ",
            "  tried:       write to 0xffffc1000000",
            "  refused:     no region holds the address\n",
            "  address:     0 bytes past the end of a heap block (immediate, rw, 0xffffc10000",
            "kernel::crash::memory::heap_overrun at ",
        ],
    );
}

#[test]
fn a_non_canonical_address_is_worked_out_from_the_instruction() {
    for name in ["non-canonical", "non-canonical-stack"] {
        let report = report(name, 102);
        let kind = ["#GP General Protection", "#SS Stack-Segment Fault"];
        let title = |kind: &&str| report.starts_with(&format!("{kind}: non-canonical address\n"));
        assert!(kind.iter().any(title), "{report}");
        says(
            &report,
            &[
                "  instruction: 0xffff8000",
                " mov al, byte [",
                "  error code:  0x0: no selector is to blame\n",
                "  address:     0x8000000000001000: bits 48 to 63 do not repeat bit 47\n",
                "=8000000000001000",
                "  #0 0xffff8000",
            ],
        );
    }
}

#[test]
fn a_reserved_bit_is_named_and_shows_in_the_walk() {
    says(
        &report("reserved-bit", 102),
        &[
            "#PF Page Fault: reserved bit in a page-table entry\n",
            ", reserved bit set\n",
            "  refused:     a reserved bit is set in a page-table entry\n",
            "level 1 [  0] 4K leaf at 0x80000",
            "  reserved:    physical addresses have ",
            " bits here",
        ],
    );
}

#[test]
fn running_out_of_frames_in_the_middle_of_a_touch_says_how_many_there_are() {
    says(
        &report("out-of-frames", 102),
        &[
            "#PF Page Fault: out of frames\n",
            "  tried:       write to 0x4000005000 by the kernel, the page is absent\n",
            "  refused:     too few frames\n",
            "  frames:      total=",
            ", of which 0 may be handed out\n",
            "  needed:      1 frame\n",
            "  address:     20480 bytes into region of 64 pages",
            "level 1 [  5] unused\n",
        ],
    );
}

#[test]
fn a_page_of_user_programs_is_kept_from_the_kernel_by_smap() {
    says(
        &report("user-page", 102),
        &[
            "#PF Page Fault: page of user programs\n",
            "  error code:  0x3: write, supervisor mode, page present\n",
            " W U A D NX\n",
            "  forbidden:   SMAP and SMEP keep the kernel from pages of user programs\n",
        ],
    );
}

#[test]
fn an_unknown_crash_is_answered_with_those_there_are() {
    let options = ["--headless", "--timeout", "60", "--cmdline", "crash=x"];
    let run = run(kernel(), &options);
    assert_eq!(run.status, Some(1), "{run:?}");
    assert!(run.guest.contains("crash=x is none; there are:"), "{run:?}");
    for name in ["null", "guard", "stack", "nested", "panic-in-report"] {
        assert!(run.guest.contains(&format!("\r\n  {name} ")), "{run:?}");
    }
}
