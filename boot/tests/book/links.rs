//! Every link leads somewhere, and to what it says.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::common::workspace;
use crate::document::{Document, Link};
use crate::items::defines;

#[test]
fn every_link_leads_to_a_file_an_anchor_and_an_item_that_exist() {
    let documents = Document::all();
    let mut seen = 0;
    let mut wrong = Vec::new();
    for document in &documents {
        for link in document.links() {
            seen += 1;
            if let Err(error) = check(document, &link, &documents) {
                let place = document.at(link.line);
                wrong.push(format!("{place}: ({}) {error}", link.target));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(seen > 100, "only {seen} links were found");
}

/// The machine in the page.
const MACHINE: &str = "kernel/simulator/site/index.html";

fn check(document: &Document, link: &Link, documents: &[Document]) -> Result<(), String> {
    if link.target.starts_with("https://") {
        return Ok(());
    }
    if link.target.contains(':') {
        return Err("this is neither https: nor a path".to_owned());
    }
    let (path, anchor) = match link.target.split_once('#') {
        Some((path, anchor)) => (path, Some(anchor)),
        None => (link.target.as_str(), None),
    };
    let target = match path {
        "" => document.path.clone(),
        path => resolve(&document.path, path),
    };
    if !workspace().join(&target).exists() {
        return Err(format!("there is no {}", target.display()));
    }
    if let Some(anchor) = anchor
        && target == Path::new(MACHINE)
    {
        return is_scenario(anchor)
            .then_some(())
            .ok_or_else(|| format!("the machine in the page has no {anchor}"));
    }
    if let Some(anchor) = anchor {
        let found = documents.iter().find(|it| it.path == target);
        let found = found.ok_or("only the project's own texts have anchors")?;
        if !found.anchors().contains(anchor) {
            return Err(format!("{} has no heading #{anchor}", target.display()));
        }
    }
    match &link.code {
        Some(code) if target.extension().is_some_and(|it| it == "rs") => names(code, &target),
        _ => Ok(()),
    }
}

/// Whether an anchor of the machine in the page names one of its scenarios, or none of them: free play.
fn is_scenario(anchor: &str) -> bool {
    let scenarios = include_str!("../../../kernel/simulator/src/scenarios.rs");
    anchor
        .strip_prefix("scenario=")
        .is_some_and(|name| name == "none" || scenarios.contains(&format!("name: \"{name}\",")))
}

/// A link from code to a source file names the file or a folder on the way, its module, or an item in it.
fn names(code: &str, target: &Path) -> Result<(), String> {
    if code.contains('/') || code.contains('.') {
        let folder = Path::new(code);
        let mut above = target.ancestors();
        return if above.any(|path| path.ends_with(folder)) {
            Ok(())
        } else {
            Err(format!("`{code}` is not on this path"))
        };
    }
    let module = target.with_extension("");
    if module.ends_with(code) || module.ends_with(Path::new(code).join("mod")) {
        return Ok(());
    }
    let source = fs::read_to_string(workspace().join(target)).map_err(|error| error.to_string())?;
    if defines(&source, code) {
        Ok(())
    } else {
        Err(format!("{} defines no `{code}`", target.display()))
    }
}

/// Where `path` leads from the folder of the text at `from`.
fn resolve(from: &Path, path: &str) -> PathBuf {
    let mut resolved = from.parent().unwrap_or(Path::new("")).to_owned();
    for component in Path::new(path).components() {
        match component {
            Component::ParentDir => {
                resolved.pop();
            }
            Component::Normal(name) => resolved.push(name),
            _ => {}
        }
    }
    resolved
}

#[test]
fn modules_and_chapters_lead_to_each_other() {
    let documents = Document::all();
    let mut led_to = BTreeSet::new();
    for path in sources(&["kernel/src", "kernel/memory/src", "kernel/steps"]) {
        let source = fs::read_to_string(&path).expect("readable");
        let paths = source.lines().filter(|line| line.starts_with("//! "));
        for chapter in paths.flat_map(|line| line.split('`').filter(|it| it.starts_with("docs/"))) {
            let source = path.display();
            let found = documents.iter().any(|it| it.path == Path::new(chapter));
            assert!(found, "{source}: there is no {chapter}");
            led_to.insert(chapter.to_owned());
        }
    }
    for document in &documents {
        let path = document.path.to_string_lossy().into_owned();
        let name = path.strip_prefix("docs/").unwrap_or(&path);
        let name = name.strip_prefix("build/").unwrap_or(name);
        // Chapter 0 builds nothing.
        let is_chapter = name.starts_with(|c: char| c.is_ascii_digit()) && !name.starts_with("0-");
        assert!(
            !is_chapter || led_to.contains(&path),
            "no module leads to {path}"
        );
    }
}

/// All source files below these folders.
fn sources(folders: &[&str]) -> Vec<PathBuf> {
    let mut left: Vec<_> = folders.iter().map(|it| workspace().join(it)).collect();
    let mut found = Vec::new();
    while let Some(path) = left.pop() {
        if path.is_dir() {
            let entries = fs::read_dir(path).expect("readable");
            left.extend(entries.map(|entry| entry.expect("readable").path()));
        } else if path.extension().is_some_and(|it| it == "rs") {
            found.push(path);
        }
    }
    found
}

#[test]
fn every_picture_is_small_and_shown() {
    let folder = workspace().join("docs/pictures");
    let shown: Vec<_> = Document::all()
        .iter()
        .flat_map(|document| {
            let links = document.links().into_iter();
            links.map(|link| resolve(&document.path, &link.target))
        })
        .collect();
    for entry in fs::read_dir(folder).expect("pictures are in docs/pictures") {
        let entry = entry.expect("readable");
        let path = Path::new("docs/pictures").join(entry.file_name());
        let size = entry.metadata().expect("readable").len();
        assert!(size < 200 * 1024, "{}: {size} bytes", path.display());
        assert!(shown.contains(&path), "{} is shown nowhere", path.display());
    }
}
