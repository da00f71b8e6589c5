//! Every text of docs/ is in the site, in the order of docs/README.md.

use std::fs;
use std::path::{Path, PathBuf};

use crate::{collect, repository, site};

/// The pages that the lists of docs/README.md name, each with what its link says: `1. [Booting](01-booting.md): ...`.
fn listed() -> Vec<(PathBuf, String)> {
    let text = fs::read_to_string(repository().join("docs/README.md")).expect("it is there");
    let items = text.lines().filter_map(|line| {
        let (number, item) = line.split_once(". [")?;
        let number: u32 = number.parse().ok()?;
        let (name, rest) = item.split_once("](")?;
        let name = format!("{number}. {}", name.replace('`', ""));
        Some((
            Path::new(rest.split_once(')')?.0).with_extension("html"),
            name,
        ))
    });
    items.collect()
}

/// The list at the side of the book's pages.
fn at_the_side() -> Vec<(PathBuf, String)> {
    let contents = site().contents();
    let book = contents
        .iter()
        .find(|list| list.addresses[0].target == "index.html");
    let links = &book.expect("the book has a list of contents").addresses;
    links
        .iter()
        .map(|it| (it.target.clone().into(), it.words.clone()))
        .collect()
}

#[test]
fn the_list_at_the_side_is_that_of_the_readme() {
    let side = at_the_side();
    let listed = listed();
    assert!(listed.len() > 25, "{listed:?}");
    assert_eq!(side[0].0, Path::new("index.html"));
    assert_eq!(side[1..=listed.len()], listed);
    for path in side.iter().map(|(path, _)| path) {
        assert_eq!(
            side.iter().filter(|it| it.0 == *path).count(),
            1,
            "{}",
            path.display()
        );
    }
}

#[test]
fn every_text_of_docs_is_in_the_site_and_in_its_list() {
    let side = at_the_side();
    let mut texts = Vec::new();
    collect(&repository().join("docs"), Path::new(""), &mut texts);
    texts.retain(|path| path.extension().is_some_and(|it| it == "md"));
    assert!(texts.len() > 30, "{texts:?}");
    for text in texts {
        let page = site::page_of(&Path::new("docs").join(text));
        assert!(site().pages.contains_key(&page), "{}", page.display());
        assert!(
            side.iter().any(|(path, _)| *path == page),
            "{}",
            page.display()
        );
    }
}

#[test]
fn next_leads_through_the_whole_list_and_previous_back() {
    let side: Vec<_> = at_the_side().into_iter().map(|(path, _)| path).collect();
    let led_to = |from: &Path, relation: &str| {
        let addresses = site().pages[from].addresses.iter();
        let mut addresses = addresses.filter(|it| {
            let relations = it.relation.as_deref().unwrap_or_default();
            relations.split(' ').any(|word| word == relation)
        });
        let folder = from.parent().expect("a page is in a folder");
        let up = "../".repeat(folder.components().count());
        let target = addresses.next().map(|it| it.target.clone())?;
        // Such addresses begin at the top.
        Some(PathBuf::from(
            target.strip_prefix(&up).expect("from the top"),
        ))
    };
    for pair in side.windows(2) {
        assert_eq!(led_to(&pair[0], "next").as_ref(), Some(&pair[1]));
        assert_eq!(led_to(&pair[1], "prev").as_ref(), Some(&pair[0]));
    }
    assert_eq!(led_to(&side[0], "prev"), None);
    assert_eq!(led_to(side.last().expect("many"), "next"), None);
}
