//! What a page asks is answered, whatever it is; and the machine lives, whatever is typed.
#![allow(missing_docs, reason = "a test")]

use simulator::{Monitor, Page};

/// Bytes that an answer may have: a page parses it between two pictures.
const MOST: usize = 1_000_000;

#[test]
fn what_a_page_may_not_ask_is_refused_and_changes_nothing() {
    let mut page = Page::new();
    page.request("start straddle");
    page.request("next");
    for (request, words) in [
        ("start nothing", "there is no scenario `nothing`"),
        ("view 0x800000000000", "below 2^47"),
        ("view here", "below 2^47"),
        ("jump", "`start`, `next`, `type` or `view`"),
        ("", "`start`, `next`, `type` or `view`"),
    ] {
        let answer = page.request(request);
        assert!(
            answer.refused && answer.said.contains(words),
            "{request}: {}",
            answer.said
        );
        assert_eq!(
            (answer.played, answer.state.regions.len()),
            (1, 1),
            "{request}"
        );
    }
}

#[test]
fn the_window_stays_within_the_low_half() {
    let mut page = Page::new();
    assert_eq!(page.request("view 0x12345").state.window, 0x12340);
    let last = page.request("view 0x7fffffffffff").state;
    assert_eq!((last.window, last.bytes.len()), (0x7fff_ffff_ff00, 512));
}

#[test]
fn an_answer_of_a_full_machine_is_still_a_small_one() {
    let mut page = Page::new();
    for line in [
        "restart 1M",
        "alloc demand 32M",
        "fill 0x1000 8M 1",
        "fill 0x801000 7M 2",
        "alloc zero 1G",
        "touch 0x2001000 64M r",
        "space fork",
    ] {
        let answer = page.answer(&format!("type {line}"));
        assert!(answer.len() < MOST, "{line}: {} bytes", answer.len());
        assert!(answer.contains("\"refused\":false"), "{line}");
    }
    assert!(page.request("type audit").said.starts_with("audit=ok "));
}

#[test]
fn a_restart_begins_anew_and_counts_from_nothing() {
    let mut page = Page::new();
    page.request("type alloc demand 4K");
    page.request("type write 0x1000 1");
    let answer = page.request("type restart 256K");
    assert_eq!(
        (answer.state.counts.faults, answer.state.counts.slots),
        (0, 64)
    );
    assert_eq!(answer.total, simulator::page::Cost::default());
    page.request("type alloc demand 4K");
    assert_eq!(page.request("type write 0x1000 1").log[0].number, 1);
}

#[test]
fn a_stale_way_to_a_table_that_is_no_more_is_stopped() {
    let mut page = Page::new();
    for line in [
        "alloc demand 8K",
        "write 0x1000 1",
        "flush off",
        "free 0x1000",
    ] {
        assert!(!page.request(&format!("type {line}")).refused, "{line}");
    }
    // The page itself is cached; its neighbour has to be walked to, through a table that is gone.
    assert!(!page.request("type write 0x1000 2").refused);
    let astray = page.request("type read 0x2000");
    assert!(
        astray.said.contains("a stale translation leads to"),
        "{}",
        astray.said
    );
    page.request("type flush");
    let refused = page.request("type read 0x2000");
    assert!(
        refused.said.contains("no region holds the address"),
        "{}",
        refused.said
    );
}

#[test]
fn a_stale_way_to_the_frame_of_zeroes_still_reads_zeroes() {
    let mut page = Page::new();
    for line in ["alloc zero 4K", "read 0x1000", "flush off", "free 0x1000"] {
        assert!(!page.request(&format!("type {line}")).refused, "{line}");
    }
    let read = page.request("type read 0x1000");
    assert!(read.said.starts_with("0x1000  00 "), "{}", read.said);
    assert_eq!(
        (read.cost.faults, read.state.cache[0].stale.as_deref()),
        (0, Some("not mapped"))
    );
    assert!(
        page.request("type write 0x1000 1").refused,
        "it was read-only"
    );
}

/// Numbers that look random, the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn line(&mut self) -> String {
        let pages = 1 + self.below(12);
        let address = 0x1000 * (1 + self.below(40)) + self.below(3) * 0x7ff;
        let page = address & !0xfff;
        let (size, rights) = (pages * 4096, ["r", "rw", "rx"][self.below(3) as usize]);
        match self.below(22) {
            0 | 1 => format!("alloc demand {size}"),
            2 => format!("alloc zero {size} rights={rights}"),
            3 => format!("alloc immediate {size}"),
            4 => format!("guard {size}"),
            5 => format!("free {page:#x}"),
            6 => format!("free {page:#x} {size}"),
            7 => format!("protect {page:#x} {size} {rights}"),
            8 => format!("discard {page:#x} {size}"),
            9 | 10 => format!("read {address:#x} {}", 1 + self.below(40)),
            11 | 12 => format!("write {address:#x} {}", self.below(256)),
            13 => format!("fill {address:#x} {size} {}", self.below(256)),
            14 => format!("touch {page:#x} {size} r"),
            15 => format!("touch {page:#x} {size} w"),
            16 => format!(
                "space {}",
                ["fork", "new", "0", "1", "2"][self.below(5) as usize]
            ),
            17 => format!("space free {}", self.below(4)),
            18 => format!("evict {pages}"),
            19 => format!("flush {}", ["on", "off", ""][self.below(3) as usize]),
            20 => format!(
                "limit frames {}",
                ["off", "12", "40"][self.below(3) as usize]
            ),
            _ => format!("walk {address:#x}"),
        }
    }
}

#[test]
fn whatever_is_typed_the_machine_lives_and_its_memory_is_whole() {
    let mut refused = 0;
    for seed in 1..=12_u64 {
        let mut random = Random(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed));
        let mut page = Page::new();
        page.request("type restart 128K");
        for _ in 0..400 {
            let line = random.line();
            let answer = page.request(&format!("type {line}"));
            refused += u64::from(answer.refused);
            let audit = page.request("type audit");
            assert!(
                audit.said.starts_with("audit=ok "),
                "{seed}: {line}: {}",
                audit.said
            );
        }
    }
    assert!(
        (500..4000).contains(&refused),
        "{refused} of 4800 lines were refused"
    );
}

#[test]
fn a_command_that_is_refused_has_changed_nothing() {
    let mut monitor = Monitor::new(0).expect("no slots");
    for line in ["trace on", "alloc demand 8K"] {
        assert!(!monitor.execute(line).is_refused, "{line}");
    }
    for line in ["trace off now", "trace maybe", "limit frames 0 now"] {
        assert!(monitor.execute(line).is_refused, "{line}");
    }
    let said = monitor.execute("write 0x1000 1");
    assert!(said.text.starts_with("fault=0x1000 "), "{}", said.text);
    assert!(
        said.text.ends_with("written=1 faults=1 frames=1\n"),
        "{}",
        said.text
    );
}
