//! Which chapters the book has, in which order: what the lists of `docs/README.md` say.
//!
//! A part is a heading of the second level with a numbered list below it; each item of the list begins with a link
//! to a chapter. The other texts come after the parts, in the order in which the book leads to them.

use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use mdbook_markdown::pulldown_cmark::{CowStr, Event, HeadingLevel, LinkType, Tag, TagEnd};
use mdbook_markdown::{MarkdownOptions, new_cmark_parser};

use crate::place::leads_to;

/// The text that lists the chapters.
pub const FIRST: &str = "docs/README.md";

/// The texts of the site, each with its path below the repository's folder.
pub struct Contents {
    /// The one with the lists.
    pub first: Text,
    /// In the order of the lists.
    pub parts: Vec<Part>,
    /// What else the book leads to.
    pub others: Vec<Text>,
}

/// A list of chapters below a heading.
pub struct Part {
    /// The heading.
    pub title: String,
    /// With the number of each.
    pub chapters: Vec<(u32, Text)>,
}

/// A text that becomes a page.
pub struct Text {
    /// What leads to it in the list of contents.
    pub name: String,
    /// Below the repository's folder.
    pub path: PathBuf,
    /// Its Markdown.
    pub markdown: String,
}

/// A link, or a picture.
pub(crate) struct Link<'a> {
    /// Of the whole link in the text.
    pub(crate) place: Range<usize>,
    pub(crate) target: CowStr<'a>,
    /// Whether the target stands in the link itself.
    pub(crate) is_inline: bool,
    pub(crate) is_picture: bool,
    /// What is to be read.
    pub(crate) words: String,
    /// Whether that is code and nothing else.
    pub(crate) is_code: bool,
}

impl Contents {
    /// Reads all texts that the book leads to.
    ///
    /// # Errors
    /// A text that cannot be read, that is listed twice, or that no text leads to.
    pub fn read(repository: &Path) -> anyhow::Result<Self> {
        let first = Text::read(repository, Path::new(FIRST), None)?;
        let mut contents = Self {
            first,
            parts: Vec::new(),
            others: Vec::new(),
        };
        for (title, chapters) in lists(&contents.first.markdown) {
            contents.parts.push(Part {
                title,
                chapters: Vec::new(),
            });
            for (number, name, target) in chapters {
                let path = leads_to(Path::new(FIRST), &target).filter(|path| is_text(path));
                let path = path
                    .with_context(|| format!("{FIRST}: chapter {number}: ({target}) is no text"))?;
                ensure!(
                    !contents.has(&path),
                    "{FIRST} lists {} twice",
                    path.display()
                );
                let text = Text::read(repository, &path, Some(name))?;
                let part = contents.parts.last_mut().expect("one has begun");
                part.chapters.push((number, text));
            }
        }
        ensure!(
            !contents.parts.is_empty(),
            "{FIRST} lists no chapter: `## Part`, and below it a list `1. [Chapter](chapter.md)`"
        );
        contents.read_others(repository)?;
        contents.check(repository)?;
        Ok(contents)
    }

    /// Reads the texts that no list names. Each of them may lead to more.
    fn read_others(&mut self, repository: &Path) -> anyhow::Result<()> {
        let mut done = 0;
        while done < self.texts().count() {
            let text = self.texts().nth(done).expect("there are more");
            let from = text.path.clone();
            let links = links(&text.markdown).into_iter();
            let files = links.filter_map(|link| leads_to(&from, &link.target));
            let files: Vec<_> = files.filter(|file| is_text(file)).collect();
            for file in files {
                if !self.has(&file) {
                    let text = Text::read(repository, &file, None)
                        .with_context(|| format!("a link of {}", from.display()))?;
                    self.others.push(text);
                }
            }
            done += 1;
        }
        Ok(())
    }

    /// Checks that no text of the folders of the book is left out.
    fn check(&self, repository: &Path) -> anyhow::Result<()> {
        let folders = self.texts().filter_map(|text| text.path.parent());
        let folders: BTreeSet<_> = folders
            .filter(|folder| folder.starts_with("docs"))
            .collect();
        for folder in folders {
            for entry in fs::read_dir(repository.join(folder))? {
                let path = folder.join(entry?.file_name());
                ensure!(
                    !is_text(&path) || self.has(&path),
                    "{}: no text of the book leads to it; {FIRST} can list it",
                    path.display()
                );
            }
        }
        Ok(())
    }

    fn has(&self, path: &Path) -> bool {
        self.texts().any(|text| text.path == path)
    }

    /// All texts, in the order of the site.
    pub fn texts(&self) -> impl Iterator<Item = &Text> {
        let chapters = self.parts.iter().flat_map(|part| &part.chapters);
        let chapters = chapters.map(|(_, text)| text);
        [&self.first]
            .into_iter()
            .chain(chapters)
            .chain(&self.others)
    }
}

impl Text {
    /// Reads the text at `path`; without a name it has that of its heading.
    fn read(repository: &Path, path: &Path, name: Option<String>) -> anyhow::Result<Self> {
        let markdown = fs::read_to_string(repository.join(path));
        let markdown = markdown.with_context(|| path.display().to_string())?;
        let name = name.or_else(|| heading(&markdown));
        let name =
            name.with_context(|| format!("{}: it has no heading, `# Heading`", path.display()))?;
        Ok(Self {
            name,
            path: path.to_owned(),
            markdown,
        })
    }
}

/// Whether a file is a text of the book's kind.
pub(crate) fn is_text(path: &Path) -> bool {
    path.extension().is_some_and(|it| it == "md")
}

/// The Markdown, taken apart as mdBook does it.
pub(crate) fn events(markdown: &str) -> impl Iterator<Item = (Event<'_>, Range<usize>)> {
    let mut options = MarkdownOptions::default();
    options.smart_punctuation = false;
    options.definition_lists = false;
    new_cmark_parser(markdown, &options).into_offset_iter()
}

/// All links and pictures of a text. A picture within a link counts for itself.
pub(crate) fn links(markdown: &str) -> Vec<Link<'_>> {
    let mut links = Vec::new();
    let mut open: Vec<Link<'_>> = Vec::new();
    for (event, place) in events(markdown) {
        match event {
            Event::Start(
                ref tag @ (Tag::Link {
                    ref dest_url,
                    link_type,
                    ..
                }
                | Tag::Image {
                    ref dest_url,
                    link_type,
                    ..
                }),
            ) => open.push(Link {
                place,
                target: dest_url.clone(),
                is_inline: link_type == LinkType::Inline,
                is_picture: matches!(tag, Tag::Image { .. }),
                words: String::new(),
                is_code: true,
            }),
            Event::End(TagEnd::Link | TagEnd::Image) => links.extend(open.pop()),
            Event::Code(words) => open.iter_mut().for_each(|link| link.words.push_str(&words)),
            Event::Text(words) => open.iter_mut().for_each(|link| {
                link.words.push_str(&words);
                link.is_code = false;
            }),
            _ => {}
        }
    }
    links
}

/// The words of the first heading.
fn heading(markdown: &str) -> Option<String> {
    let events = events(markdown).map(|(event, _)| event);
    let mut events = events.skip_while(|event| !matches!(event, Event::Start(Tag::Heading { .. })));
    events.next()?;
    let inside = events.take_while(|event| !matches!(event, Event::End(TagEnd::Heading(_))));
    Some(inside.map(|event| words(&event)).collect())
}

/// What is to be read of an event.
fn words(event: &Event<'_>) -> String {
    match event {
        Event::Text(words) | Event::Code(words) => words.to_string(),
        Event::SoftBreak => " ".to_owned(),
        _ => String::new(),
    }
}

/// The chapters below each heading of the second level that has some: number, name and target.
fn lists(markdown: &str) -> Vec<(String, Vec<(u32, String, String)>)> {
    let mut parts: Vec<(String, Vec<(u32, String, String)>)> = Vec::new();
    let mut number = None;
    let mut is_heading = false;
    // The link of an item that its words are still to come for.
    let mut open: Option<(u32, String, String)> = None;
    let mut is_first = false;
    for (event, _) in events(markdown) {
        match event {
            Event::Start(Tag::Heading {
                level: HeadingLevel::H2,
                ..
            }) => {
                parts.push(Default::default());
                is_heading = true;
            }
            Event::End(TagEnd::Heading(_)) => is_heading = false,
            Event::Start(Tag::List(first)) => number = first.and_then(|it| u32::try_from(it).ok()),
            Event::End(TagEnd::List(_)) => number = None,
            Event::Start(Tag::Item) => is_first = true,
            Event::End(TagEnd::Item) => number = number.map(|it| it + 1),
            Event::Start(Tag::Link { dest_url, .. }) if is_first => {
                is_first = false;
                let number = number.filter(|_| !parts.is_empty());
                open = number.map(|number| (number, String::new(), dest_url.into_string()));
            }
            Event::End(TagEnd::Link) => {
                if let Some((_, chapters)) = parts.last_mut() {
                    chapters.extend(open.take());
                }
            }
            event => {
                if let (true, Some((title, _))) = (is_heading, parts.last_mut()) {
                    title.push_str(&words(&event));
                } else if let Some((_, name, _)) = &mut open {
                    name.push_str(&words(&event));
                }
            }
        }
    }
    parts.retain(|(_, chapters)| !chapters.is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_a_heading_with_a_numbered_list_and_keeps_its_numbers() {
        let text = "# Book\n\n1. [not below a part](a.md)\n\n## Part\n\nWords, [b](b.md).\n\n\
                    0. [First](0.md): why [c](c.md)\n1. [`code` too](1.md)\n\n## None\n\n- [d](d.md)\n\n## End\n\n7. [E](e.md)\n";
        let chapter =
            |number, name: &str, target: &str| (number, name.to_owned(), target.to_owned());
        assert_eq!(
            lists(text),
            [
                (
                    "Part".to_owned(),
                    vec![chapter(0, "First", "0.md"), chapter(1, "code too", "1.md")]
                ),
                ("End".to_owned(), vec![chapter(7, "E", "e.md")]),
            ]
        );
    }

    #[test]
    fn a_link_knows_its_words_and_whether_they_are_code() {
        let links = links("[`a`](a.rs) and [the `b`](b.md#c) ![d](d.svg) <https://e.example>\n");
        let told: Vec<_> = links
            .iter()
            .map(|it| {
                (
                    it.words.as_str(),
                    it.is_code,
                    &*it.target,
                    it.is_picture,
                    it.is_inline,
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                ("a", true, "a.rs", false, true),
                ("the b", false, "b.md#c", false, true),
                ("d", false, "d.svg", true, true),
                (
                    "https://e.example",
                    false,
                    "https://e.example",
                    false,
                    false
                ),
            ]
        );
    }

    #[test]
    fn a_heading_is_its_words() {
        assert_eq!(
            heading("words\n\n# The `book`\n\n# More\n").as_deref(),
            Some("The book")
        );
        assert_eq!(heading("words\n"), None);
    }
}
