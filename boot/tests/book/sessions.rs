//! What the texts show of the machine is what it prints: one test for each text with something to play.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::document::Document;
use crate::play::play;
use crate::script::machines;

macro_rules! texts {
    ($($test:ident: $path:literal,)*) => {
        const PLAYED: &[&str] = &[$($path),*];

        $(
            #[test]
            fn $test() {
                play($path);
            }
        )*
    };
}

texts! {
    the_readme: "README.md",
    contributing: "CONTRIBUTING.md",
    chapter_1: "docs/01-booting.md",
    chapter_2: "docs/02-what-memory-there-is.md",
    chapter_3: "docs/03-frames-and-the-bitmap.md",
    chapter_4: "docs/04-four-levels.md",
    chapter_5: "docs/05-regions-and-backing.md",
    chapter_6: "docs/06-the-page-fault.md",
    chapter_7: "docs/07-the-heap.md",
    chapter_8: "docs/08-protection-and-reports.md",
    chapter_9: "docs/09-testing-a-kernel.md",
    chapter_10: "docs/10-measuring.md",
    chapter_11: "docs/11-memory-in-your-kernel.md",
    chapter_12: "docs/12-programs.md",
    chapter_13: "docs/13-loading-on-demand.md",
    chapter_14: "docs/14-fork.md",
    chapter_15: "docs/15-eviction.md",
    chapter_16: "docs/16-policies.md",
    chapter_17: "docs/17-where-next.md",
    the_figures: "docs/figures.md",
    the_solutions: "docs/solutions.md",
}

#[test]
fn every_text_with_something_to_play_is_played() {
    let with_machines = Document::all()
        .into_iter()
        .filter(|it| !machines(it).is_empty());
    let with_machines: BTreeSet<_> = with_machines.map(|document| document.path).collect();
    assert_eq!(with_machines, PLAYED.iter().map(PathBuf::from).collect());
}
