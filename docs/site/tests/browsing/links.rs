//! Every address of a page leads somewhere within the site, and nothing is loaded from elsewhere.

use std::path::{Component, Path, PathBuf};

use crate::html::{Address, Page};
use crate::site;

/// Where `path` leads from the folder of `from`.
fn resolve(from: &Path, path: &str) -> Option<PathBuf> {
    let mut resolved = from.parent()?.to_owned();
    for component in Path::new(path).components() {
        match component {
            Component::Normal(name) => resolved.push(name),
            Component::ParentDir => resolved.pop().then_some(())?,
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(resolved)
}

/// What is wrong with an address of the page at `from`.
fn check(from: &Path, address: &Address) -> Result<(), String> {
    let target = &address.target;
    if target.contains(':') || target.starts_with("//") {
        // To be followed, and not to be loaded.
        let is_link = address.element == "a" && target.starts_with("https://");
        return is_link
            .then_some(())
            .ok_or_else(|| "it is loaded from elsewhere".to_owned());
    }
    let (path, anchor) = match target.split_once('#') {
        Some((path, anchor)) => (path, Some(anchor)),
        None => (target.as_str(), None),
    };
    let file = if path.is_empty() {
        Some(from.to_owned())
    } else {
        resolve(from, path)
    };
    let file = file.ok_or("it leads out of the site")?;
    if !site().files.contains(&file) {
        return Err(format!("there is no {}", file.display()));
    }
    let Some(anchor) = anchor else {
        return Ok(());
    };
    if file == Path::new("machine/index.html") {
        return is_scenario(anchor)
            .then_some(())
            .ok_or_else(|| format!("the machine has no scenario for {anchor}"));
    }
    let page: &Page = site().pages.get(&file).ok_or("only pages have anchors")?;
    let is_there = page.anchors.contains(anchor);
    is_there
        .then_some(())
        .ok_or_else(|| format!("{} has no #{anchor}", file.display()))
}

/// Whether an anchor of the machine in the page names one of its scenarios.
fn is_scenario(anchor: &str) -> bool {
    let scenarios = include_str!("../../../../kernel/simulator/src/scenarios.rs");
    let anchor = anchor.strip_suffix("&embed").unwrap_or(anchor);
    anchor
        .strip_prefix("scenario=")
        .is_some_and(|name| name == "none" || scenarios.contains(&format!("name: \"{name}\",")))
}

#[test]
fn every_scenario_of_the_machine_is_played_in_a_chapter() {
    let scenarios = include_str!("../../../../kernel/simulator/src/scenarios.rs");
    let names = scenarios.lines().filter_map(|line| {
        let name = line.trim().strip_prefix("name: \"")?;
        name.strip_suffix("\",")
    });
    let mut seen = 0;
    for name in names {
        let target = format!("machine/index.html#scenario={name}&embed");
        let is_shown = site().pages.iter().any(|(path, page)| {
            let mut frames = page.addresses.iter();
            path.as_os_str() != "print.html"
                && frames.any(|it| it.element == "iframe" && it.target == target)
        });
        assert!(is_shown, "{name}");
        seen += 1;
    }
    assert!(seen > 5, "{seen}");
}

#[test]
fn every_address_leads_to_something_in_the_site_and_nothing_is_loaded_from_elsewhere() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for (path, page) in &site().pages {
        for address in &page.addresses {
            seen += 1;
            if let Err(error) = check(path, address) {
                wrong.push(format!(
                    "{}: <{} {}>: {error}",
                    path.display(),
                    address.element,
                    address.target
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(seen > 10_000, "only {seen} addresses were found");
}

#[test]
fn what_is_at_the_side_and_what_is_searched_leads_to_pages() {
    let contents = site().contents();
    assert_eq!(
        contents.len(),
        2,
        "that of the book, and that of its sources"
    );
    for address in contents.iter().flat_map(|list| &list.addresses) {
        assert_eq!(
            check(Path::new("index.html"), address),
            Ok(()),
            "{}",
            address.target
        );
    }
    let is_index = |file: &&PathBuf| file.to_string_lossy().starts_with("searchindex-");
    let index = site().text(
        site()
            .files
            .iter()
            .find(is_index)
            .expect("it can be searched"),
    );
    let (_, addresses) = index
        .split_once("\"doc_urls\":[")
        .expect("it has addresses");
    let addresses = addresses.split(']').next().expect("they end").split(',');
    let mut seen = 0;
    for target in addresses.map(|it| it.trim_matches('"').to_owned()) {
        let address = Address {
            target,
            ..Address::default()
        };
        assert_eq!(
            check(Path::new("index.html"), &address),
            Ok(()),
            "{}",
            address.target
        );
        seen += 1;
    }
    assert!(seen > 200, "only {seen} sections can be found");
}

#[test]
fn styles_and_pictures_load_nothing_from_elsewhere() {
    for file in &site().files {
        let is = |extension: &str| file.extension().is_some_and(|it| it == extension);
        if is("css") {
            let text = site().text(file);
            assert!(!text.contains("@import"), "{}", file.display());
            for part in text.split("url(").skip(1) {
                let target = part
                    .split(')')
                    .next()
                    .expect("split gives one")
                    .trim_matches(['\'', '"']);
                if !target.starts_with("data:") {
                    let file = resolve(file, target).expect("within the site");
                    assert!(site().files.contains(&file), "{}", file.display());
                }
            }
        } else if is("svg") {
            let text = site().text(file);
            for part in text.split("href=\"").skip(1) {
                assert!(part.starts_with('#'), "{}: {part:.40}", file.display());
            }
        }
    }
}

#[test]
fn no_page_has_what_makes_the_scripts_ask_a_server() {
    // The only scripts that ask one run code in a playground.
    for (path, page) in &site().pages {
        assert!(!page.classes.contains("playground"), "{}", path.display());
    }
}

#[test]
fn an_address_that_leads_nowhere_is_noticed() {
    let error = |element: &str, target: &str| {
        let address = Address {
            element: element.to_owned(),
            target: target.to_owned(),
            ..Address::default()
        };
        check(Path::new("build/3-frames.html"), &address).err()
    };
    assert_eq!(error("a", "../06-the-page-fault.html#type-it"), None);
    assert_eq!(error("a", "https://nexte.st"), None);
    for (element, target) in [
        ("a", "../6.html"),
        ("a", "../06-the-page-fault.html#type"),
        ("a", "../../docs/06-the-page-fault.md"),
        ("a", "/index.html"),
        ("a", "http://nexte.st"),
        ("script", "https://a.example/a.js"),
        ("img", "//a.example/a.png"),
    ] {
        assert!(error(element, target).is_some(), "{element} {target}");
    }
}
