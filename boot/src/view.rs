//! QEMU's own view of the guest's low half, for people who doubt the kernel's.
//!
//! QEMU walks the guest's page tables itself: `info mem` tells what is mapped,
//! as ranges with their rights, and `info tlb` tells each page's frame and the
//! flags of its entry. The kernel half has thousands of pages that never
//! change, so only addresses below 0x0000_8000_0000_0000 are shown, and only
//! when they differ from what was shown last.

use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt as _;

use crate::say;

/// Where the upper half's gap begins: the low half's end (Intel SDM vol. 1, 3.3.7.1).
const LOW_HALF_END: u64 = 1 << 47;

/// So many pages are told one by one; of the others their number.
const MOST_PAGES: usize = 32;

/// What was shown last.
#[derive(Debug, Default)]
pub struct View {
    shown: Option<String>,
}

/// A line of `info mem`.
struct Range<'a> {
    start: u64,
    end: u64,
    rights: &'a str,
}

/// A line of `info tlb`.
struct Page<'a> {
    address: u64,
    physical: u64,
    flags: &'a str,
}

impl View {
    /// The view in words, unless it is the one that was shown last. `when` follows the title.
    ///
    /// `ranges` and `pages` are the answers to QEMU's `info mem` and `info tlb`.
    pub fn news(&mut self, when: &str, ranges: &str, pages: &str) -> Option<String> {
        let view = words(ranges, pages);
        if self.shown.as_ref() == Some(&view) {
            return None;
        }
        let words = format!("boot: QEMU's own view of the low half {when}: {view}");
        self.shown = Some(view);
        Some(words)
    }
}

/// Prints to standard error while the guest is at its prompt.
///
/// Where standard output is the same terminal or file, the words begin a line of their own, and the
/// prompt that they took the place of is repeated after them.
pub(crate) fn print_beside_prompt(words: &str) {
    if same_place(io::stdout(), io::stderr()) {
        say::raw(&format!("\n{words}\n> "));
    } else {
        say::raw(&format!("{words}\n"));
    }
}

fn same_place(one: impl AsFd, other: impl AsFd) -> bool {
    let place = |stream: &dyn AsFd| {
        let file = File::from(stream.as_fd().try_clone_to_owned().ok()?);
        let metadata = file.metadata().ok()?;
        Some((metadata.dev(), metadata.ino()))
    };
    place(&one).is_some_and(|here| place(&other) == Some(here))
}

fn words(ranges: &str, pages: &str) -> String {
    let low = |address: &u64| *address < LOW_HALF_END;
    let ranges: Vec<_> = ranges
        .lines()
        .filter_map(range)
        .filter(|range| low(&range.start))
        .collect();
    let pages: Vec<_> = pages
        .lines()
        .filter_map(page)
        .filter(|page| low(&page.address))
        .collect();
    if ranges.is_empty() {
        return "nothing is mapped".to_owned();
    }
    let mut words = format!("{} entries", pages.len());
    if pages.len() == 1 {
        words = "1 entry".to_owned();
    }
    let mut left = MOST_PAGES;
    for Range { start, end, rights } in ranges {
        // Writing to a string does not fail.
        write!(words, "\n  {start:#018x}..{end:#018x} {rights}").ok();
        let inside = |page: &&Page<'_>| (start..end).contains(&page.address);
        for page in pages.iter().filter(inside).take(left) {
            let (address, physical) = (page.address, page.physical);
            let flags = flags(page.flags);
            write!(words, "\n    {address:#018x} -> {physical:#018x} {flags}").ok();
            left -= 1;
        }
    }
    if pages.len() > MOST_PAGES {
        write!(words, "\n    and {} entries more", pages.len() - MOST_PAGES).ok();
    }
    words
}

/// `START-END SIZE RIGHTS`, the numbers in hex.
fn range(line: &str) -> Option<Range<'_>> {
    let mut words = line.split_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    Some(Range {
        start: hex(start)?,
        end: hex(end)?,
        rights: words.nth(1)?,
    })
}

/// `ADDRESS: PHYSICAL FLAGS`, the numbers in hex.
fn page(line: &str) -> Option<Page<'_>> {
    let (address, rest) = line.split_once(':')?;
    let mut words = rest.split_whitespace();
    Some(Page {
        address: hex(address.trim())?,
        physical: hex(words.next()?)?,
        flags: words.next()?,
    })
}

fn hex(digits: &str) -> Option<u64> {
    u64::from_str_radix(digits, 16).ok()
}

/// QEMU's letters for an entry's flags, in words.
fn flags(letters: &str) -> String {
    const NAMES: [(char, &str); 9] = [
        ('W', "writable"),
        ('U', "user"),
        ('A', "accessed"),
        ('D', "dirty"),
        ('X', "no-execute"),
        ('P', "large"),
        ('G', "global"),
        ('C', "uncached"),
        ('T', "write-through"),
    ];
    let set = NAMES.iter().filter(|(letter, _)| letters.contains(*letter));
    set.map(|(_, name)| *name).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEM: &str = "0000000000010000-0000000000012000 0000000000002000 -rw\r\n\
                       ffff800000000000-ffff80000003f000 000000000003f000 -r-\r\n";
    const TLB: &str = "0000000000010000: 000000000010b000 X---A---W\r\n\
                       0000000000011000: 000000000010c000 X--DA---W\r\n\
                       ffff800000000000: 0000000001000000 XG--A----\r\n";

    #[test]
    fn ranges_and_pages_of_the_low_half_are_told_in_words() {
        let words = View::default().news("after `x`", MEM, TLB).unwrap();
        let expected = "boot: QEMU's own view of the low half after `x`: 2 entries\n  \
             0x0000000000010000..0x0000000000012000 -rw\n    \
             0x0000000000010000 -> 0x000000000010b000 writable accessed no-execute\n    \
             0x0000000000011000 -> 0x000000000010c000 writable accessed dirty no-execute";
        assert_eq!(words, expected);
    }

    #[test]
    fn a_view_is_told_again_only_when_it_has_changed() {
        let mut view = View::default();
        let kernel_only = "ffff800000000000: 0000000001000000 XG--A----\r\n";
        let empty = view.news("at first", "", kernel_only).unwrap();
        assert!(empty.ends_with("at first: nothing is mapped"), "{empty}");
        assert_eq!(view.news("then", "", ""), None);
        assert!(view.news("then", MEM, TLB).is_some());
        assert_eq!(view.news("then", MEM, TLB), None);
        assert!(view.news("then", "", "").is_some());
    }

    #[test]
    fn each_page_stands_below_its_range_and_of_many_the_rest_is_counted() {
        let mut pages = String::new();
        for page in 0..100 {
            let (address, frame) = (page << 12, (page << 12) + 0x10_0000);
            writeln!(pages, "{address:016x}: {frame:016x} ----A----\r").unwrap();
        }
        let ranges = "0000000000000000-0000000000002000 0000000000002000 -r-\r\n\
                      0000000000002000-0000000000064000 0000000000062000 -rw\r\n";
        let words = View::default().news("now", ranges, &pages).unwrap();
        let lines: Vec<_> = words.lines().collect();
        assert_eq!(lines.len(), 1 + 2 + MOST_PAGES + 1, "{words}");
        assert!(lines[0].ends_with(": 100 entries"), "{words}");
        assert_eq!(lines[4], "  0x0000000000002000..0x0000000000064000 -rw");
        let third = "    0x0000000000002000 -> 0x0000000000102000 accessed";
        assert_eq!(lines[5], third);
        assert!(words.ends_with("\n    and 68 entries more"), "{words}");
    }

    #[test]
    fn two_streams_are_beside_each_other_when_they_are_one_file() {
        let (one, other) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
        assert!(same_place(one.try_clone().unwrap(), &one));
        assert!(!same_place(&one, &other));
    }

    #[test]
    fn a_large_page_is_called_so() {
        assert_eq!(
            flags("XGPDA-T-W"),
            "writable accessed dirty no-execute large global write-through"
        );
    }
}
