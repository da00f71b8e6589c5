//! The sessions of the book, which the kernel plays in QEMU, are played here, too: the same
//! words have the same answers. Which frame a page gets, and what the kernel's own memory
//! takes, is different.
#![allow(missing_docs, reason = "a test")]

use std::fs;
use std::path::{Path, PathBuf};

use simulator::Monitor;
use simulator::monitor::commands::COMMANDS;

/// Values that are another machine's: where frames and code lie, and what the kernel's own
/// half takes.
const OTHERS: [&str; 25] = [
    "frame=",
    "physical=",
    "root=",
    "table at ",
    "leaf at ",
    "instruction=",
    "total=",
    "used=",
    "free=",
    "reserved=",
    "tables=",
    "kernel=",
    "private=",
    "limit=",
    "borrowed=",
    "largest_run=",
    "free_2m=",
    "checks=",
    "regions=",
    "fixed=",
    "zero=",
    "slots=",
    "writes_saved=",
    "laps=",
    "halves=",
];

/// A block of a book's text: the options behind `monitor`, and the lines.
struct Block {
    place: String,
    options: String,
    lines: Vec<String>,
}

fn texts() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let docs = fs::read_dir(root.join("docs")).expect("the book");
    let mut texts: Vec<_> = docs.map(|entry| entry.expect("a file").path()).collect();
    texts.push(root.join("README.md"));
    texts.retain(|path| path.extension().is_some_and(|name| name == "md"));
    texts.sort();
    texts
}

fn blocks(path: &Path) -> Vec<Block> {
    let text = fs::read_to_string(path).expect("a text");
    let mut blocks = Vec::new();
    let mut open = None::<Block>;
    for (number, line) in (1..).zip(text.lines()) {
        match &mut open {
            Some(_) if line == "```" => blocks.extend(open.take()),
            Some(block) => block.lines.push(line.to_owned()),
            None => {
                if let Some(options) = line.strip_prefix("```monitor") {
                    open = Some(Block {
                        place: format!("{}:{number}", path.display()),
                        options: options.trim().to_owned(),
                        lines: Vec::new(),
                    });
                }
            }
        }
    }
    blocks
}

/// A line without what is another machine's: its words, since where it is broken depends on
/// how long those are.
fn same_everywhere(lines: &[String]) -> Vec<String> {
    let mut text = lines.join(" ");
    for before in OTHERS {
        let mut from = 0;
        while let Some(found) = text[from..].find(before) {
            let start = from + found;
            // `shared=` ends in no other name, but `free=` does.
            let is_name =
                start == 0 || !text[..start].ends_with(|c: char| c.is_alphanumeric() || c == '_');
            let value = start + before.len();
            let end = text[value..]
                .find([' ', ','])
                .map_or(text.len(), |end| value + end);
            if is_name {
                text.replace_range(value..end, "?");
            }
            from = value;
        }
    }
    text.split_whitespace().map(str::to_owned).collect()
}

/// What was answered, and what the text shows; `...` stands for anything.
fn is_same(shown: &[String], said: &str) -> bool {
    if shown.iter().any(|line| line == "...") {
        return true;
    }
    let said: Vec<_> = said.lines().map(str::to_owned).collect();
    let (shown, said) = (same_everywhere(shown), same_everywhere(&said));
    let is_same = |(shown, said): (&String, &String)| {
        let begins = shown.split("...").next().unwrap_or_default();
        shown == said || shown.contains("...") && said.starts_with(begins)
    };
    shown.len() == said.len() && shown.iter().zip(&said).all(is_same)
}

/// Whether this machine can play a line: it has the command, and it is about program memory.
fn is_playable(line: &str) -> bool {
    let name = line.split(' ').next().unwrap_or_default();
    let is_known = COMMANDS
        .iter()
        .any(|command| command.name == name && command.is_kernels);
    is_known && !line.contains("0xffff") && name != "swap" && name != "help"
}

/// Plays a chain of blocks that share a machine. Returns how many commands were compared.
fn play(chain: &[Block]) -> usize {
    let slots = chain[0]
        .options
        .strip_prefix("--swap 64M")
        .map_or(0, |_| 1024);
    let mut monitor = Monitor::new(slots).expect("few slots");
    let mut compared = 0;
    for block in chain {
        let mut lines = block.lines.iter().peekable();
        while let Some(line) = lines.next() {
            let Some(command) = line.strip_prefix("> ") else {
                continue;
            };
            let mut shown = Vec::new();
            while let Some(line) = lines.next_if(|line| !line.starts_with("> ")) {
                shown.push(line.clone());
            }
            let said = monitor.execute(command);
            assert!(
                is_same(&shown, &said.text),
                "{}: `{command}`\nthe kernel:\n{}\nhere:\n{}",
                block.place,
                shown.join("\n"),
                said.text
            );
            compared += 1;
        }
    }
    compared
}

#[test]
fn the_sessions_of_the_book_are_answered_as_by_the_kernel() {
    let (mut compared, mut played) = (0, 0);
    for path in texts() {
        // A block without options goes on with the machine of the one before.
        let mut chains = Vec::<Vec<Block>>::new();
        for block in blocks(&path) {
            match chains.last_mut() {
                Some(chain) if block.options.is_empty() => chain.push(block),
                _ => chains.push(vec![block]),
            }
        }
        for chain in &chains {
            let commands = chain.iter().flat_map(|block| &block.lines);
            let mut commands = commands.filter_map(|line| line.strip_prefix("> "));
            if commands.all(is_playable) {
                compared += play(chain);
                played += 1;
            }
        }
    }
    println!("{played} sessions, {compared} commands");
    assert!(
        played >= 18 && compared >= 130,
        "{played} sessions, {compared} commands"
    );
}

#[test]
fn an_answer_that_is_not_the_kernels_is_noticed() {
    let shown = |text: &str| vec![text.to_owned()];
    let said = "written=1 faults=1 frames=1\n";
    assert!(is_same(&shown("written=1 faults=1 frames=1"), said));
    assert!(is_same(&shown("written=1 faults=... frames=1"), said));
    assert!(!is_same(&shown("written=1 faults=2 frames=1"), said));
    assert!(!is_same(&shown("written=1 faults=1"), said));
    let leaf = "level 1 [  1] 4K leaf at 0x000000139000, P W A D NX";
    assert!(is_same(
        &shown(leaf),
        "level 1 [  1] 4K leaf at 0x000000106000, P W A D NX"
    ));
    assert!(!is_same(
        &shown(leaf),
        "level 1 [  1] 4K leaf at 0x000000106000, P A D NX"
    ));
}
