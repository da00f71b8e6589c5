//! Part I of the book against the eight kernels that it builds.
//!
//! A ```` ```rust ```` block of a chapter is lines of its step, as they stand there. What a chapter does not show stands in
//! the step before, in the same order: so nobody who types along misses a line. A ```` ```text ```` block that begins with
//! `$ cargo run -p steps --bin step-N` shows what that kernel prints, compared as everywhere ([`compare`](crate::compare)).

use std::ops::Range;
use std::path::Path;
use std::sync::OnceLock;
use std::{env, fs};

use crate::common::{Executables, boot, build, cargo, workspace};
use crate::compare::{Ties, compare, renewed};
use crate::document::Document;

/// What people hold in one piece.
const LONGEST_BLOCK: usize = 30;
const LENGTH: Range<usize> = 60..451;
const WORDS: Range<usize> = 1_200..3_001;

/// The chapters, from 0 on.
const CHAPTERS: [&str; 9] = [
    "docs/build/0-why-paging.md",
    "docs/build/1-it-speaks.md",
    "docs/build/2-what-memory-there-is.md",
    "docs/build/3-frames.md",
    "docs/build/4-it-can-fall.md",
    "docs/build/5-four-levels.md",
    "docs/build/6-on-demand.md",
    "docs/build/7-not-before-the-first-write.md",
    "docs/build/8-a-heap-on-top.md",
];

/// Whether a text is a chapter of part I, whose Rust is that of a step.
pub(crate) fn is_chapter(path: &Path) -> bool {
    path.starts_with("docs/build")
}

/// The source files of a step, the root first, and their lines.
fn sources(step: usize) -> Vec<(String, Vec<String>)> {
    let names = match step {
        8 => ["main", "heap", "tests"]
            .map(|name| format!("step-8/{name}.rs"))
            .to_vec(),
        step => vec![format!("step-{step}.rs")],
    };
    let folder = workspace().join("kernel/steps");
    let read = |name: String| {
        let text = fs::read_to_string(folder.join(&name)).expect("a step is there");
        (name, text.lines().map(str::to_owned).collect())
    };
    names.into_iter().map(read).collect()
}

/// The code of its step that a chapter shows: blocks of lines, and where each begins.
pub(crate) fn code(document: &Document) -> Vec<(Vec<&str>, usize)> {
    let blocks = document
        .blocks()
        .into_iter()
        .filter(|block| block.info == "rust");
    let code = blocks.map(|block| {
        let line = document.line_of(block.place.start);
        (document.text[block.place].lines().collect(), line)
    });
    code.collect()
}

/// What is wrong with a chapter's code: blocks that are not in the step, lines that neither the chapter nor the step before shows.
fn wrong_code(document: &Document, step: usize) -> Vec<String> {
    let mut wrong = Vec::new();
    let files = sources(step);
    let mut shown: Vec<Vec<bool>> = files
        .iter()
        .map(|(_, lines)| vec![false; lines.len()])
        .collect();
    for (block, line) in code(document) {
        if block.len() > LONGEST_BLOCK {
            let length = block.len();
            wrong.push(format!(
                "{}: {length} lines in one block",
                document.at(line)
            ));
        }
        // The same lines may stand in several places: a block shows one that was not shown yet.
        let mut is_there = false;
        for ((_, lines), shown) in files.iter().zip(&mut shown) {
            let starts = 0..(lines.len() + 1).saturating_sub(block.len());
            let places = starts.map(|start| start..start + block.len());
            let mut places = places.filter(|place| lines[place.clone()] == block[..]);
            is_there |= places.clone().next().is_some();
            if let Some(place) = places.find(|place| shown[place.clone()].contains(&false)) {
                shown[place].fill(true);
                break;
            }
        }
        if !is_there {
            wrong.push(format!(
                "{}: not in step {step}: {}",
                document.at(line),
                block[0]
            ));
        }
    }
    let before = if step == 1 {
        Vec::new()
    } else {
        sources(step - 1).swap_remove(0).1
    };
    for (index, ((name, lines), shown)) in files.iter().zip(&shown).enumerate() {
        let mut known = if index == 0 { before.iter() } else { [].iter() };
        for (number, (line, shown)) in lines.iter().zip(shown).enumerate() {
            if *shown || line.trim().is_empty() {
                continue;
            }
            let mut ahead = known.clone();
            if ahead.any(|it| it == line) {
                known = ahead;
            } else {
                wrong.push(format!("{name}:{}: shown nowhere: {line}", number + 1));
            }
        }
    }
    wrong
}

#[test]
fn a_chapter_shows_all_code_that_is_new_in_its_step_as_it_stands_there() {
    let wrong: Vec<_> = (1..CHAPTERS.len())
        .flat_map(|step| wrong_code(&Document::read(CHAPTERS[step]), step))
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn a_step_can_be_held_whole() {
    for step in 1..CHAPTERS.len() {
        for (name, lines) in sources(step) {
            assert!(
                LENGTH.contains(&lines.len()),
                "{name}: {} lines",
                lines.len()
            );
        }
    }
}

#[test]
fn a_chapter_has_the_length_of_one_sitting() {
    for chapter in CHAPTERS {
        let document = Document::read(chapter);
        let mut prose = document.text.clone();
        for block in document.blocks().into_iter().rev() {
            prose.replace_range(block.place, "");
        }
        let words = prose
            .split_whitespace()
            .filter(|word| !word.starts_with("```"))
            .count();
        assert!(WORDS.contains(&words), "{chapter}: {words} words");
    }
}

/// The kernels, built once.
fn kernels() -> &'static Executables {
    static KERNELS: OnceLock<Option<Executables>> = OnceLock::new();
    let kernels =
        KERNELS.get_or_init(|| build(&mut cargo(&["build", "--package", "steps", "--bins"])));
    kernels.as_ref().expect("cargo can build the steps")
}

#[test]
fn what_a_chapter_shows_of_its_kernel_is_what_it_prints() {
    let bless = env::var_os("BLESS").is_some_and(|what| what != "figures");
    let mut wrong = Vec::new();
    for (step, chapter) in CHAPTERS.into_iter().enumerate().skip(1) {
        let document = Document::read(chapter);
        let mut text = document.text.clone();
        let output = boot(&kernels()[&format!("step-{step}")], &[])
            .output()
            .expect("boot starts");
        assert_eq!(output.status.code(), Some(0), "step {step}");
        let printed = String::from_utf8_lossy(&output.stdout).replace('\r', "");
        let real: Vec<_> = printed.lines().collect();

        let command = format!("$ cargo run -p steps --bin step-{step}\n");
        let mut sessions = 0;
        for block in document.blocks().into_iter().rev() {
            let Some(shown) = document.text[block.place.clone()].strip_prefix(&command) else {
                continue;
            };
            sessions += 1;
            let shown: Vec<_> = shown.lines().collect();
            if let Err(error) = compare(&shown, &real, &mut Ties::default()) {
                match renewed(&shown, &real).filter(|_| bless) {
                    Some(lines) => {
                        text.replace_range(block.place, &format!("{command}{}\n", lines.join("\n")))
                    }
                    None => wrong.push(format!(
                        "{}: {error}",
                        document.at(document.line_of(block.place.start))
                    )),
                }
            }
        }
        if sessions == 0 {
            wrong.push(format!("{chapter} shows nothing of what its kernel prints"));
        }
        if text != document.text {
            fs::write(workspace().join(chapter), text).expect("the text can be written");
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
