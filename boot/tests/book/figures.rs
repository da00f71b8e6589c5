//! Instruction counts that the texts quote are those of `kernel/bench.toml`.
//!
//! A quotation is a piece of a text with `{name}` in the place of each figure: a name of that file, or one of those
//! that are [worked out](known) of it. `BLESS=figures` puts the figures of the file into the texts.

use std::collections::BTreeMap;
use std::{env, fs};

use boot::baseline::Baseline;

use crate::common::workspace;
use crate::document::Document;
use crate::quotation::{grouped, quotations};

const README: &str = "README.md";
const MEASURING: &str = "docs/10-measuring.md";
const FIGURES: &str = "docs/figures.md";

const QUOTED: [(&str, &str); 45] = [
    (
        README,
        "a zeroed frame of its own | {zero-page read}; {demand write} instructions |",
    ),
    (MEASURING, "zeroing, {zeroing}; the entry;"),
    (
        MEASURING,
        "if it leaves out the {immediate mapping per page} that were paid",
    ),
    (
        FIGURES,
        "| one fault | instructions | without the {zeroing} of zeroing | aim |",
    ),
    (
        FIGURES,
        "| zero-page read | {zero-page read} | {zero-page read} |",
    ),
    (
        FIGURES,
        "| demand write | {demand write} | {demand write, not zeroed} |",
    ),
    (
        FIGURES,
        "untouched zero page | {zero-page write} | {zero-page write, not zeroed} |",
    ),
    (
        FIGURES,
        "| demand read | {demand read} | {demand read, not zeroed} |",
    ),
    (
        FIGURES,
        "zero page to private | {write after read} | {write after read, not zeroed} |",
    ),
    (
        FIGURES,
        "| fault-around 8; 16 | {fault-around 8}; {fault-around 16} | {fault-around 8, for each}; {fault-around 16, for each} for each page |",
    ),
    (
        FIGURES,
        "| demand write of 2 MiB | {demand write 2 MiB} | {demand write 2 MiB, not zeroed} |",
    ),
    (
        FIGURES,
        "| the first fault under a new leaf table | {first fault under a new leaf table} | {first fault under a new leaf table, not zeroed} |",
    ),
    (FIGURES, "{zeroing} is `rep stosq` alone."),
    (FIGURES, "A zero-page read costs {zero-page read} with 1,"),
    (
        FIGURES,
        "it is {zero-page read in any of 1 regions} with one region",
    ),
    (
        FIGURES,
        "leaf tables, {zero-page read in any of 10 regions} with 10,",
    ),
    (
        FIGURES,
        "{zero-page read in any of 1,000 regions} with 1,000 and {zero-page read in any of 100,000 regions} with 100,000: {each doubling} for each doubling",
    ),
    (
        FIGURES,
        "mapped, takes {spurious fault, without the exception}.",
    ),
    (
        FIGURES,
        "| immediate mapping, per page | {immediate mapping per page} |",
    ),
    (
        FIGURES,
        "| free, per private page | {free per private page} |",
    ),
    (FIGURES, "| discard one page | {discard one page} |"),
    (
        FIGURES,
        "back again | {protect one page, splitting}; {protect one page, merging} |",
    ),
    (
        FIGURES,
        "allocate; free | {region allocation}; {region free, nothing mapped} |",
    ),
    (
        FIGURES,
        "| heap: 64 bytes, allocated and freed | {heap allocation of 64 bytes, hot} |",
    ),
    (
        FIGURES,
        "| first touch by a read: the shared zero page | 1,278 | 1,237 | {zero-page read} |",
    ),
    (
        FIGURES,
        "| first touch by a write: demand | 6,939 | 3,301 | {demand write} |",
    ),
    (
        FIGURES,
        "| the same without zeroing, mean | 2,830 | | {demand write, not zeroed} |",
    ),
    (
        FIGURES,
        "| write after that read | 7,342 | 3,713 | {write after read} |",
    ),
    (
        FIGURES,
        "| the same without zeroing, mean | 3,242 | | {write after read, not zeroed} |",
    ),
    (
        FIGURES,
        "| mapped from the start, per page | 7,088 | 3,417 | {immediate mapping per page} |",
    ),
    (
        FIGURES,
        "| first touch of a 2 MiB page | 4,229,000 | 552,900 | {demand write 2 MiB} |",
    ),
    (FIGURES, "`getpid` here | 329 | 329 | {system call} |"),
    (
        FIGURES,
        "from ring 3 | 1,278 | 1,237 | {zero-page read from ring 3} |",
    ),
    (
        FIGURES,
        "none touched | 15,112 | 13,393 | {mmap and munmap of 16 pages} |",
    ),
    (
        FIGURES,
        "by `sched_yield` | 1,693 | 1,693 | {turn of another process} |",
    ),
    (
        FIGURES,
        "| `fork`, each private page | 142 | 135 | {fork per private page} |",
    ),
    (
        FIGURES,
        "with its copying | 11,678 | 4,468 | {shared copy} |",
    ),
    (FIGURES, "by the last owner | 1,390 | 1,345 | {take-over} |"),
    (
        FIGURES,
        "still shared | 278 | 272 | {end of a copy per page} |",
    ),
    (
        FIGURES,
        "a small static program | 414,854 | 263,579 | {fork, execve, exit and wait} |",
    ),
    (
        FIGURES,
        "| a fork of an empty space | {fork of an empty space} |",
    ),
    (
        FIGURES,
        "more; each page that is shared already | {fork per private page}; {fork per shared page} |",
    ),
    (
        FIGURES,
        "| a write that copies, with its copying; the copying alone | {shared copy}; {zeroing} |",
    ),
    (FIGURES, "last owner, which copies nothing | {take-over} |"),
    (
        FIGURES,
        "| the end of a copy, each page | {end of a copy per page} |",
    ),
];

/// The figures by name: those of the file, and those that follow from them.
fn known() -> BTreeMap<String, String> {
    let path = workspace().join("kernel/bench.toml");
    let baseline = Baseline::read(&path).expect("readable").expect("there");
    let measured = baseline.instructions;
    // Each turn of `rep stosq` counts as one, and the end of them as one more.
    let zeroing = |bytes: u64| bytes / 8 + 1;
    let page = zeroing(4096);
    let mut figures = BTreeMap::from([("zeroing".to_owned(), page)]);
    for (name, bytes) in [
        ("demand write", 4096),
        ("demand read", 4096),
        ("zero-page write", 4096),
        ("write after read", 4096),
        ("demand write 2 MiB", 2 << 20),
        ("first fault under a new leaf table", 4096),
    ] {
        figures.insert(
            format!("{name}, not zeroed"),
            measured[name] - zeroing(bytes),
        );
    }
    for pages in [8, 16] {
        let name = format!("fault-around {pages}");
        let rest = measured[&name] - pages * page;
        figures.insert(format!("{name}, for each"), (rest + pages / 2) / pages);
    }
    let any = |regions: &str| measured[&format!("zero-page read in any of {regions} regions")];
    let growth = any("100,000").abs_diff(any("10")) as f64 / f64::log2(10_000.0);
    figures.extend(
        measured
            .iter()
            .map(|(name, figure)| (name.clone(), *figure)),
    );
    let written = figures
        .into_iter()
        .map(|(name, figure)| (name, grouped(figure)));
    written
        .chain([("each doubling".to_owned(), format!("{growth:.1}"))])
        .collect()
}

#[test]
fn figures_that_are_quoted_are_those_of_the_baseline() {
    let known = known();
    let blesses = env::var("BLESS").is_ok_and(|what| what == "figures");
    let mut wrong = Vec::new();
    for path in [README, MEASURING, FIGURES] {
        let document = Document::read(path);
        let mut edits = Vec::new();
        for (_, quoted) in QUOTED.iter().filter(|(of, _)| *of == path) {
            let found = quotations(&document.text, quoted);
            if found.len() != 1 {
                wrong.push(format!(
                    "{path}: {} times instead of once: {quoted}",
                    found.len()
                ));
            }
            for (name, place) in found.into_iter().flatten() {
                let (right, shown) = (&known[name], &document.text[place.clone()]);
                if right != shown && blesses {
                    edits.push((place, right.as_str()));
                } else if right != shown {
                    let line = document.at(document.line_of(place.start));
                    wrong.push(format!("{line}: {name} is {right}, and not {shown}"));
                }
            }
        }
        if !edits.is_empty() {
            let mut text = document.text.clone();
            edits.sort_by_key(|(place, _)| place.start);
            for (place, right) in edits.into_iter().rev() {
                text.replace_range(place, right);
            }
            fs::write(workspace().join(path), text).expect("the text can be written");
        }
    }
    assert!(
        wrong.is_empty(),
        "\n{}\n(`BLESS=figures` puts the right ones into the texts)",
        wrong.join("\n")
    );
}

#[test]
fn faults_cost_the_same_beside_any_number_of_regions_and_with_any_memory() {
    let known = known();
    for (name, figure) in &known {
        let is_beside = name.ends_with(" regions beside");
        if is_beside || name.ends_with(" of memory") {
            let (plain, _) = name.rsplit_once(", ").expect("a comma before what differs");
            let plain = if is_beside { "zero-page read" } else { plain };
            assert_eq!(figure, &known[plain], "{name}, and {plain}");
        }
    }
}
