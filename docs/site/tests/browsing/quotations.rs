//! Code is shown whole: that of a text as it stands there, a file as it is, and the line that a name leads to.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use mdbook_markdown::pulldown_cmark::{Event, Parser, Tag, TagEnd};
use site::contents::Contents;

use crate::{Site, repository, site};

/// The texts of the site, by their pages.
fn texts() -> BTreeMap<PathBuf, String> {
    let contents = Contents::read(repository()).expect("readable");
    let texts = contents.texts();
    texts
        .map(|text| (site::page_of(&text.path), text.markdown.clone()))
        .collect()
}

/// The blocks of code of a text.
fn blocks(markdown: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut open: Option<String> = None;
    for event in Parser::new(markdown) {
        match event {
            Event::Start(Tag::CodeBlock(_)) => open = Some(String::new()),
            Event::Text(words) => {
                if let Some(open) = &mut open {
                    open.push_str(&words);
                }
            }
            Event::End(TagEnd::CodeBlock) => blocks.extend(open.take()),
            _ => {}
        }
    }
    blocks
}

/// The pages that show files, with the path of each file.
fn shown(site: &Site) -> impl Iterator<Item = (&PathBuf, PathBuf)> {
    site.pages.keys().filter_map(|page| {
        let file = page.strip_prefix("source").ok()?.with_extension("");
        (file != Path::new("index")).then_some((page, file))
    })
}

#[test]
fn a_page_shows_the_code_of_its_text_and_hides_nothing() {
    let mut seen = 0;
    for (page, markdown) in texts() {
        let lines = |code: &String| code.trim_end().to_owned();
        let wanted: Vec<_> = blocks(&markdown).iter().map(lines).collect();
        let shown: Vec<_> = site().pages[&page].code.iter().map(lines).collect();
        assert_eq!(shown, wanted, "{}", page.display());
        seen += shown.len();
    }
    assert!(seen > 200, "only {seen} blocks were found");
    for (path, page) in &site().pages {
        // What mdBook hides until somebody asks.
        assert!(!page.classes.contains("boring"), "{}", path.display());
    }
}

#[test]
fn a_page_shows_its_file_with_an_anchor_for_each_line() {
    let mut seen = 0;
    for (page, file) in shown(site()) {
        let text = fs::read_to_string(repository().join(&file)).expect("readable");
        let page = &site().pages[page];
        let code: Vec<_> = page.code.iter().map(|code| code.trim_end()).collect();
        assert_eq!(code, [text.trim_end()], "{}", file.display());
        for line in 1..=text.lines().count() {
            assert!(
                page.anchors.contains(&format!("L{line}")),
                "{}:{line}",
                file.display()
            );
        }
        seen += 1;
    }
    assert!(seen > 200, "only {seen} files are shown");
}

#[test]
fn a_name_leads_to_the_line_that_defines_it_and_a_quotation_to_the_line_where_it_begins() {
    let mut names = 0;
    let mut quotations = 0;
    for page in texts().into_keys() {
        for link in &site().pages[&page].addresses {
            let Some((_, target)) = link.target.split_once("source/") else {
                continue;
            };
            let (file, line) = match target.split_once(".html#L") {
                Some((file, line)) => (file, Some(line.parse::<usize>().expect("a number"))),
                None => (target.trim_end_matches(".html"), None),
            };
            let at = format!("{}: {} ({target})", page.display(), link.words);
            let text = fs::read_to_string(repository().join(file)).expect("readable");
            if link.words == file && !link.is_code {
                let line = line.expect("a quotation begins somewhere");
                let shown = text.lines().nth(line - 1).expect("it is there");
                let mut blocks = site().pages[&page].code.iter();
                let is_quoted = blocks.any(|code| code.lines().any(|it| it.trim() == shown.trim()));
                assert!(is_quoted, "{at}: {shown}");
                quotations += 1;
            } else if link.is_code && file.ends_with(".rs") {
                let name = link.words.trim_end_matches("()").trim_end_matches('!');
                let name = name.rsplit("::").next().expect("split gives one");
                match line {
                    Some(line) => {
                        let shown = text.lines().nth(line - 1).expect("it is there");
                        assert!(shown.contains(name), "{at}: {shown}");
                        names += 1;
                    }
                    // A file, a folder or a module.
                    None => assert!(name.contains(['/', '.']) || file.contains(name), "{at}"),
                }
            }
        }
    }
    assert!(names > 250, "only {names} names lead to lines");
    assert!(
        quotations > 20,
        "only {quotations} quotations say where they are from"
    );
}
