//! Code that a text quotes against the file that it names.
//!
//! A block that begins with ```` ```rust PATH ````, with a path from the text to the file, is lines of that
//! file as they stand there, indented as a whole by as much as you like. A line `// ...` stands for lines that are
//! left out.

use std::fs;

use crate::common::workspace;
use crate::document::Document;
use crate::steps::is_chapter;

/// The line that stands for lines that are left out.
const LEFT_OUT: &str = "// ...";

/// Lines without the indentation that they have in common.
fn dedent(lines: &[&str]) -> Vec<String> {
    let filled = lines.iter().filter(|line| !line.trim().is_empty());
    let common = filled
        .map(|line| line.len() - line.trim_start().len())
        .min();
    let cut = |line: &&str| line.get(common.unwrap_or(0)..).unwrap_or("").to_owned();
    lines.iter().map(cut).collect()
}

/// The first piece of `quoted` that is not in `source`, behind those before it.
fn missing<'a>(source: &str, quoted: &'a str) -> Option<Vec<&'a str>> {
    let source: Vec<_> = source.lines().collect();
    let quoted: Vec<_> = quoted.lines().collect();
    let mut at = 0;
    let pieces = quoted.split(|line| line.trim() == LEFT_OUT);
    for piece in pieces.filter(|piece| !piece.is_empty()) {
        let wanted = dedent(piece);
        let mut windows = source[at..].windows(piece.len());
        match windows.position(|window| dedent(window) == wanted) {
            Some(found) => at += found + piece.len(),
            None => return Some(piece.to_vec()),
        }
    }
    None
}

#[test]
fn code_that_a_text_quotes_stands_in_the_file_that_it_names() {
    let mut wrong = Vec::new();
    let mut quotations = 0;
    for document in Document::all() {
        for block in document.blocks() {
            let Some(path) = block.info.strip_prefix("rust ") else {
                continue;
            };
            let at = document.at(document.line_of(block.place.start) - 1);
            let folder = document.path.parent().expect("a text is in a folder");
            let Ok(source) = fs::read_to_string(workspace().join(folder).join(path)) else {
                wrong.push(format!("{at}: there is no file {path}"));
                continue;
            };
            quotations += 1;
            if let Some(piece) = missing(&source, &document.text[block.place]) {
                wrong.push(format!("{at}: not in {path}:\n{}", piece.join("\n")));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(quotations > 0, "the book quotes no code");
}

#[test]
fn all_rust_that_a_text_shows_is_quoted_from_a_file() {
    for document in Document::all() {
        for block in document.blocks() {
            let words: Vec<_> = block.info.split_whitespace().collect();
            let names_a_file = matches!(words.as_slice(), ["rust", path] if path.ends_with(".rs"));
            let at = document.at(document.line_of(block.place.start) - 1);
            // Part I shows its own kernels, or the whole file that is named above the block.
            let is_rust = block.info.starts_with("rust") && !is_chapter(&document.path);
            assert!(
                !is_rust || names_a_file,
                "{at}: `{}` names no file",
                block.info
            );
        }
    }
}

#[test]
fn a_quotation_is_found_whatever_its_indentation_and_lines_may_be_left_out() {
    let source = "impl A {\n    fn b() {\n        c();\n\n        d();\n    }\n}\n";
    assert_eq!(missing(source, "fn b() {\n    c();\n\n    d();\n}\n"), None);
    assert_eq!(missing(source, "fn b() {\n// ...\n    d();\n}\n"), None);
    assert_eq!(
        missing(source, "fn b() {\n    d();\n"),
        Some(vec!["fn b() {", "    d();"])
    );
    assert_eq!(missing(source, "d();\n// ...\nc();\n"), Some(vec!["c();"]));
}
