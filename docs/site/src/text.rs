//! A text of the repository, made ready for mdBook: only what cannot be read the same way there is changed.
//!
//! - A link to a file becomes one to its page. If its words name an item of a source file, it leads to the line that
//!   defines it.
//! - A link to a scenario of the machine in the page that is a paragraph of its own becomes the machine itself.
//! - Blocks of code: see `code`.

use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::code::change_code;
use crate::contents::{Text, is_text};
use crate::items::line_of;
use crate::markdown::links;
use crate::place::{address, is_machine, leads_to, page_of, place_of_picture};
use crate::source::escaped;
use anyhow::{Context, ensure};

/// A text as mdBook gets it, and what it leads to.
pub(crate) struct Ready {
    pub(crate) markdown: String,
    /// The files that are shown below `source/`.
    pub(crate) sources: Vec<PathBuf>,
    pub(crate) pictures: Vec<PathBuf>,
    /// Whether it leads to the machine in the page.
    pub(crate) has_machine: bool,
}

/// A part of a text, and what comes in its place.
pub(crate) type Change = (Range<usize>, String);

/// Makes a text ready. `read` gives the contents of a file of the repository.
///
/// # Errors
/// In which line there is a link that leads nowhere, or that is written in a way that cannot be changed.
pub(crate) fn ready(
    text: &Text,
    read: &impl Fn(&Path) -> anyhow::Result<String>,
) -> anyhow::Result<Ready> {
    let mut ready = Ready {
        markdown: text.markdown.clone(),
        sources: Vec::new(),
        pictures: Vec::new(),
        has_machine: false,
    };
    let mut changes = change_links(text, read, &mut ready)?;
    changes.extend(change_code(text, read, &mut ready)?);
    changes.sort_by_key(|(place, _)| place.start);
    for (place, words) in changes.into_iter().rev() {
        ready.markdown.replace_range(place, &words);
    }
    Ok(ready)
}

/// `path:line` of a place in the text.
pub(crate) fn at(text: &Text, place: usize) -> String {
    let line = text.markdown[..place].matches('\n').count() + 1;
    format!("{}:{line}", text.path.display())
}

fn change_links(
    text: &Text,
    read: &impl Fn(&Path) -> anyhow::Result<String>,
    ready: &mut Ready,
) -> anyhow::Result<Vec<Change>> {
    let page = page_of(&text.path);
    let mut changes = Vec::new();
    for link in links(&text.markdown) {
        let at = || format!("{}: ({})", at(text, link.place.start), link.target);
        let Some(file) = leads_to(&text.path, &link.target) else {
            let is_elsewhere = link.target.starts_with('#') || link.target.contains(':');
            ensure!(is_elsewhere, "{}: this leads out of the repository", at());
            continue;
        };
        let anchor = link.target.split_once('#');
        let mut anchor = anchor.map(|(_, anchor)| anchor.to_owned());
        let place = if link.is_picture {
            ready.pictures.push(file.clone());
            place_of_picture(&file).to_owned()
        } else {
            if is_machine(&file) {
                ready.has_machine = true;
            } else if !is_text(&file) {
                let source = read(&file).with_context(at)?;
                if link.is_code && anchor.is_none() {
                    anchor = line_of(&source, &link.words).map(|line| format!("L{line}"));
                }
                ready.sources.push(file.clone());
            }
            page_of(&file)
        };
        let mut new = address(&page, &place);
        if let Some(anchor) = anchor {
            new = format!("{new}#{anchor}");
        }
        // Behind the words comes the target, and nothing else.
        let old = format!("({})", link.target);
        ensure!(
            link.is_inline && text.markdown[link.place.clone()].ends_with(&old),
            "{}: this link is not written as [words](path)",
            at()
        );
        if is_machine(&file) && is_paragraph(&text.markdown, &link.place) {
            changes.push((link.place, machine(&link.words, &new)));
            continue;
        }
        let end = link.place.end;
        changes.push((end - old.len()..end, format!("({new})")));
    }
    Ok(changes)
}

/// Whether nothing else stands in the paragraph of a place.
fn is_paragraph(markdown: &str, place: &Range<usize>) -> bool {
    let (before, behind) = (&markdown[..place.start], &markdown[place.end..]);
    (before.is_empty() || before.ends_with("\n\n"))
        && (behind.trim().is_empty() || behind.starts_with("\n\n"))
}

/// The machine at one of its scenarios, and the link to it, for whoever wants it large or has the page on paper.
fn machine(words: &str, address: &str) -> String {
    let words = escaped(words);
    format!(
        "<iframe class=\"machine\" src=\"{address}&amp;embed\" title=\"{words}\" loading=\"lazy\"></iframe>\n\n\
         [{words}]({address})"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(path: &str, markdown: &str) -> anyhow::Result<Ready> {
        let text = Text {
            name: "A".to_owned(),
            path: path.into(),
            markdown: markdown.to_owned(),
        };
        ready(&text, &|file: &Path| {
            ensure!(file == Path::new("kernel/a.rs"), "there is no such file");
            Ok("//! A.\n\nfn b() {\n    c();\n}\n".to_owned())
        })
    }

    #[test]
    fn links_lead_to_pages_and_to_lines() {
        let text = "[`b`](../kernel/a.rs), [`a.rs`](../kernel/a.rs), [two](02.md#more), [here](#there), ![p](pictures/p.svg),\n\
                    [net](https://a.example/b.md), `[code](03.md)`, [book](README.md)\n";
        let ready = made("docs/01.md", text).expect("right");
        assert_eq!(
            ready.markdown,
            "[`b`](source/kernel/a.rs.html#L3), [`a.rs`](source/kernel/a.rs.html), [two](02.html#more), [here](#there), ![p](pictures/p.svg),\n\
             [net](https://a.example/b.md), `[code](03.md)`, [book](index.html)\n"
        );
        assert_eq!(ready.pictures, [Path::new("docs/pictures/p.svg")]);
        assert_eq!(ready.sources, [Path::new("kernel/a.rs"); 2]);
    }

    #[test]
    fn a_scenario_alone_in_its_paragraph_is_played_there() {
        let text = "a\n\n[See & touch](../kernel/simulator/site/index.html#scenario=zero)\n\nb [c](../kernel/simulator/site/index.html#scenario=fork)\n";
        let ready = made("docs/5.md", text).expect("right");
        assert_eq!(
            ready.markdown,
            "a\n\n<iframe class=\"machine\" src=\"machine/index.html#scenario=zero&amp;embed\" title=\"See &amp; touch\" loading=\"lazy\"></iframe>\n\n\
             [See &amp; touch](machine/index.html#scenario=zero)\n\nb [c](machine/index.html#scenario=fork)\n"
        );
        assert!(ready.sources.is_empty() && ready.has_machine);
    }

    #[test]
    fn a_quotation_says_where_it_is_from_and_our_own_languages_are_text() {
        let text = "```rust ../../kernel/a.rs\nc();\n```\n\n```monitor --swap 64M\n> frames\na <b>\n```\n\n```boot\nc\n```\n\n```sh\n# a\n```\n";
        let ready = made("docs/build/1.md", text).expect("right");
        assert_eq!(
            ready.markdown,
            "<p class=\"quoted\"><a href=\"../source/kernel/a.rs.html#L4\">kernel/a.rs</a></p>\n\n```rust\nc();\n```\n\n\
             <pre><code class=\"language-text session\"><b>&gt; frames</b>\na &lt;b&gt;\n</code></pre>\n\n```text boot\nc\n```\n\n```sh\n# a\n```\n"
        );
    }

    #[test]
    fn what_cannot_be_shown_is_told_with_its_line() {
        let error = |text| format!("{:#}", made("docs/1.md", text).err().expect("wrong"));
        assert_eq!(
            error("\n[a](../b.rs)\n"),
            "docs/1.md:2: (../b.rs): there is no such file"
        );
        assert_eq!(
            error("[a](/b.md)\n"),
            "docs/1.md:1: (/b.md): this leads out of the repository"
        );
        let titled = error("[a](2.md \"title\")\n");
        assert!(
            titled.ends_with("this link is not written as [words](path)"),
            "{titled}"
        );
        let referred = error("[a][b]\n\n[b]: 2.md\n");
        assert!(
            referred.ends_with("this link is not written as [words](path)"),
            "{referred}"
        );
        assert_eq!(
            error("a\n\n    code\n"),
            "docs/1.md:3: code is fenced with ```, not indented"
        );
    }
}
