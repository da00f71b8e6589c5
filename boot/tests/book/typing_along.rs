//! Somebody begins in an empty folder, types what the first chapter of part I shows, and nothing else.
//!
//! A line of the chapter that holds only a path, in bold, stands above the whole file of that path. The other Rust of the
//! chapter, in its order, is `src/main.rs`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::common::workspace;
use crate::document::Document;
use crate::steps::code;

const CHAPTER: &str = "docs/build/1-it-speaks.md";

/// The files that the chapter shows whole, by path.
fn files(document: &Document) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for block in document.blocks() {
        let before = document.text[..block.place.start].trim_end();
        let before = before
            .rsplit_once('\n')
            .map_or("", |(before, _fence)| before);
        let line = before.trim_end().lines().next_back().unwrap_or("");
        let path = line
            .strip_prefix("**`")
            .and_then(|line| line.strip_suffix("`**"));
        if let Some(path) = path {
            files.insert(path.to_owned(), document.text[block.place].to_owned());
        }
    }
    let main: Vec<_> = code(document)
        .into_iter()
        .map(|(lines, _)| lines.join("\n"))
        .collect();
    files.insert("my-kernel/src/main.rs".to_owned(), main.join("\n\n") + "\n");
    files
}

#[test]
fn what_the_first_chapter_shows_is_the_first_step() {
    let filled = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        lines.map(str::to_owned).collect()
    };
    let step = fs::read_to_string(workspace().join("kernel/steps/step-1.rs")).expect("it is there");
    let files = files(&Document::read(CHAPTER));
    assert_eq!(filled(&files["my-kernel/src/main.rs"]), filled(&step));
}

#[test]
fn typed_into_an_empty_folder_it_boots_and_speaks() {
    let document = Document::read(CHAPTER);
    let empty = tempfile::tempdir().expect("there is room for temporary files");
    for (path, text) in files(&document) {
        let path = empty.path().join(path);
        fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("writable");
        fs::write(path, text).expect("writable");
    }
    let mut cargo = Command::new("cargo");
    cargo
        .args(["run", "--quiet"])
        .current_dir(empty.path().join("my-kernel"));
    // The boot loader takes minutes to build: what was built in an earlier run is used again.
    cargo.env(
        "CARGO_TARGET_DIR",
        Path::new(env!("CARGO_TARGET_TMPDIR")).join("typing-along"),
    );
    // What the cargo that runs this test has set is not what somebody's terminal has.
    for variable in [
        "RUSTC_BOOTSTRAP",
        "CARGO",
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
    ] {
        cargo.env_remove(variable);
    }
    let output = cargo.output().expect("cargo can be started");
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{words}");
    let printed = String::from_utf8_lossy(&output.stdout).replace('\r', "");
    let command = "$ cargo run -p steps --bin step-1\n";
    let blocks = document.blocks().into_iter();
    let mut shown = blocks.filter_map(|block| document.text[block.place].strip_prefix(command));
    assert_eq!(printed, shown.next().expect("what it prints"), "{words}");
}
