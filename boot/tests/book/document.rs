//! The texts, taken apart: links, anchors, code.

use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use pulldown_cmark::{CodeBlockKind, CowStr, Event, Options, Parser, Tag, TagEnd};

use crate::common::workspace;

/// A text of the project, in Markdown.
pub(crate) struct Document {
    /// Its path below the workspace's folder.
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

/// A link, or a picture.
pub(crate) struct Link {
    /// Its text, if that is code and nothing else.
    pub(crate) code: Option<String>,
    pub(crate) target: String,
    pub(crate) line: usize,
}

/// A fenced block of code.
pub(crate) struct Block {
    /// What stands behind the opening fence.
    pub(crate) info: String,
    /// Where in the text its lines are, the fences left out.
    pub(crate) place: Range<usize>,
}

impl Document {
    /// The text at `path` below the workspace's folder.
    pub(crate) fn read(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let text = fs::read_to_string(workspace().join(&path));
        let text = text.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { path, text }
    }

    /// The texts at the top, and all of the book.
    pub(crate) fn all() -> Vec<Self> {
        let top = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(PathBuf::from);
        let book = ["docs", "docs/build"].into_iter().flat_map(|folder| {
            let entries = fs::read_dir(workspace().join(folder)).expect("the book is in docs");
            entries.map(move |entry| Path::new(folder).join(entry.expect("readable").file_name()))
        });
        let book = book.filter(|path| path.extension().is_some_and(|it| it == "md"));
        top.into_iter().chain(book).map(Self::read).collect()
    }

    /// `path:line` of a place in the text.
    pub(crate) fn at(&self, line: usize) -> String {
        format!("{}:{line}", self.path.display())
    }

    /// The number of the line that holds the byte at `offset`.
    pub(crate) fn line_of(&self, offset: usize) -> usize {
        self.text[..offset].matches('\n').count() + 1
    }

    fn events(&self) -> impl Iterator<Item = (Event<'_>, Range<usize>)> {
        Parser::new_ext(&self.text, Options::ENABLE_TABLES).into_offset_iter()
    }

    pub(crate) fn links(&self) -> Vec<Link> {
        let mut links = Vec::new();
        let mut inside: Option<(CowStr<'_>, usize, Vec<Event<'_>>)> = None;
        for (event, place) in self.events() {
            match event {
                Event::Start(Tag::Image { dest_url, .. }) => links.push(Link {
                    code: None,
                    target: dest_url.into_string(),
                    line: self.line_of(place.start),
                }),
                Event::Start(Tag::Link { dest_url, .. }) => {
                    inside = Some((dest_url, self.line_of(place.start), Vec::new()));
                }
                Event::End(TagEnd::Link) => {
                    let (target, line, text) = inside.take().expect("a link that ends began");
                    let code = match text.as_slice() {
                        [Event::Code(code)] => Some(code.to_string()),
                        _ => None,
                    };
                    let target = target.into_string();
                    links.push(Link { code, target, line });
                }
                event => {
                    if let Some((_, _, text)) = &mut inside {
                        text.push(event);
                    }
                }
            }
        }
        links
    }

    /// The names under which its headings can be linked to.
    pub(crate) fn anchors(&self) -> BTreeSet<String> {
        let mut anchors = BTreeSet::new();
        let mut heading: Option<String> = None;
        for (event, _) in self.events() {
            match event {
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => {
                    let anchor = anchor(&heading.take().unwrap_or_default());
                    assert!(
                        anchors.insert(anchor.clone()),
                        "{}: two headings have the anchor #{anchor}",
                        self.path.display()
                    );
                }
                Event::Text(text) | Event::Code(text) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&text);
                    }
                }
                _ => {}
            }
        }
        anchors
    }

    pub(crate) fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut open: Option<Block> = None;
        for (event, place) in self.events() {
            match event {
                Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
                    let first_line = self.text[place.start..].find('\n').unwrap_or(0);
                    let start = place.start + first_line + 1;
                    open = Some(Block {
                        info: info.into_string(),
                        place: start..start,
                    });
                }
                Event::Text(_) => {
                    if let Some(block) = &mut open {
                        block.place.end = block.place.end.max(place.end);
                    }
                }
                Event::End(TagEnd::CodeBlock) => blocks.extend(open.take()),
                _ => {}
            }
        }
        blocks
    }

    /// The lines at which blocks of code begin that are indented and not fenced: nobody knows what those are.
    pub(crate) fn indented_code(&self) -> Vec<usize> {
        let is_indented = |event: &Event<'_>| {
            matches!(event, Event::Start(Tag::CodeBlock(CodeBlockKind::Indented)))
        };
        let blocks = self.events().filter(|(event, _)| is_indented(event));
        blocks.map(|(_, place)| self.line_of(place.start)).collect()
    }

    /// Code within lines, with the number of its line.
    pub(crate) fn inline_code(&self) -> Vec<(String, usize)> {
        let code = self.events().filter_map(|(event, place)| match event {
            Event::Code(code) => Some((code.into_string(), self.line_of(place.start))),
            _ => None,
        });
        code.collect()
    }
}

/// How GitHub names a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter_map(|c| match c {
        ' ' => Some('-'),
        '-' | '_' => Some(c),
        c if c.is_alphanumeric() => Some(c.to_ascii_lowercase()),
        _ => None,
    });
    kept.collect()
}

#[test]
fn an_anchor_is_the_heading_in_small_letters_with_dashes() {
    assert_eq!(anchor("The zero page, twice"), "the-zero-page-twice");
    assert_eq!(anchor("What `iretq` does"), "what-iretq-does");
}
