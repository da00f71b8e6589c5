//! What a source file defines.

use std::collections::BTreeSet;

/// Words before the name of an item.
const KEYWORDS: [&str; 9] = [
    "fn", "struct", "enum", "union", "trait", "type", "mod", "const", "static",
];

/// Whether the source text defines `name`: `item`, or `Item::part` where `Item` is named there and `part` is an item
/// or a variant.
pub(crate) fn defines(source: &str, name: &str) -> bool {
    let name = name.trim_end_matches("()").trim_end_matches('!');
    let words = words(source);
    let defined: BTreeSet<_> = words
        .windows(2)
        .filter(|pair| KEYWORDS.contains(&pair[0]) || pair[0] == "macro_rules")
        .map(|pair| pair[1])
        .collect();
    match name.rsplit_once("::") {
        None => defined.contains(name),
        Some((owner, part)) => {
            let owner = owner.rsplit("::").next().unwrap_or(owner);
            let is_method = words.contains(&owner) && defined.contains(part);
            is_method || defined.contains(owner) && words.contains(&part)
        }
    }
}

/// The identifiers of the source text, comments left out.
fn words(source: &str) -> Vec<&str> {
    let lines = source.lines();
    let code = lines.filter(|line| !line.trim_start().starts_with("//"));
    let words = code.flat_map(|line| line.split(|c: char| !c.is_alphanumeric() && c != '_'));
    words
        .filter(|word| !word.is_empty() && *word != "mut")
        .collect()
}

#[test]
fn an_item_is_found_by_its_keyword_and_not_by_its_mention() {
    let source = "//! fn ghost\npub(crate) const fn walk() {}\nenum Way { Down }\nmacro_rules! entry { () => {} }\n\
                  impl Tree { fn grow(&self) { other() } }\nstatic mut HOLD: u8 = 0;";
    for name in [
        "walk",
        "walk()",
        "Way",
        "Way::Down",
        "entry!",
        "Tree::grow",
        "HOLD",
    ] {
        assert!(defines(source, name), "{name}");
    }
    for name in ["ghost", "other", "Way::Up", "Tree::fell", "Down"] {
        assert!(!defines(source, name), "{name}");
    }
}
