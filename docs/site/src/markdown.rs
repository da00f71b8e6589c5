//! Markdown taken apart, as mdBook does it: links, code, headings, lists.

use std::ops::Range;

use mdbook_markdown::pulldown_cmark::{
    CodeBlockKind, CowStr, Event, HeadingLevel, LinkType, Tag, TagEnd,
};
use mdbook_markdown::{MarkdownOptions, new_cmark_parser};

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

/// A block of code.
pub(crate) struct Block {
    /// What stands behind the opening fence, if there is one.
    pub(crate) info: Option<String>,
    /// Of the whole block in the text.
    pub(crate) place: Range<usize>,
    /// Of the opening fence, to the end of its line.
    pub(crate) fence: Range<usize>,
    /// Of the lines of code.
    pub(crate) code: Range<usize>,
}

/// A numbered list below a heading.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct List {
    pub(crate) title: String,
    pub(crate) items: Vec<Item>,
}

/// An item that begins with a link.
#[derive(Debug, PartialEq)]
pub(crate) struct Item {
    pub(crate) number: u32,
    /// The words of the link.
    pub(crate) name: String,
    pub(crate) target: String,
}

/// The events of a text, each with its place, under the settings of `book.toml`.
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

/// All blocks of code of a text.
pub(crate) fn blocks(markdown: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut is_open = false;
    for (event, place) in events(markdown) {
        match event {
            Event::Start(Tag::CodeBlock(kind)) => {
                let line = markdown[place.clone()].lines().next().unwrap_or_default();
                let end = place.start + line.len();
                blocks.push(Block {
                    info: match kind {
                        CodeBlockKind::Fenced(info) => Some(info.into_string()),
                        CodeBlockKind::Indented => None,
                    },
                    fence: place.start..end,
                    code: end + 1..end + 1,
                    place,
                });
                is_open = true;
            }
            Event::Text(_) if is_open => {
                let code = &mut blocks.last_mut().expect("one is open").code;
                code.end = code.end.max(place.end);
            }
            Event::End(TagEnd::CodeBlock) => is_open = false,
            _ => {}
        }
    }
    blocks
}

/// The words of the first heading.
pub(crate) fn heading(markdown: &str) -> Option<String> {
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

/// The numbered lists below headings of the second level whose items begin with a link.
pub(crate) fn lists(markdown: &str) -> Vec<List> {
    let mut lists: Vec<List> = Vec::new();
    let mut number = None;
    let mut is_heading = false;
    let mut is_first = false;
    // The link whose words are still to come.
    let mut open: Option<Item> = None;
    for (event, _) in events(markdown) {
        match event {
            Event::Start(Tag::Heading {
                level: HeadingLevel::H2,
                ..
            }) => {
                lists.push(List::default());
                is_heading = true;
            }
            Event::End(TagEnd::Heading(_)) => is_heading = false,
            Event::Start(Tag::List(first)) => number = first.filter(|_| !lists.is_empty()),
            Event::End(TagEnd::List(_)) => number = None,
            Event::Start(Tag::Item) => is_first = true,
            Event::End(TagEnd::Item) => number = number.map(|it| it + 1),
            Event::Start(Tag::Link { dest_url, .. }) if is_first => {
                is_first = false;
                open = number.map(|number| Item {
                    number: u32::try_from(number).unwrap_or(u32::MAX),
                    name: String::new(),
                    target: dest_url.into_string(),
                });
            }
            Event::End(TagEnd::Link) => {
                if let Some(list) = lists.last_mut() {
                    list.items.extend(open.take());
                }
            }
            event => {
                if let (true, Some(list)) = (is_heading, lists.last_mut()) {
                    list.title.push_str(&words(&event));
                } else if let Some(item) = &mut open {
                    item.name.push_str(&words(&event));
                }
            }
        }
    }
    lists.retain(|list| !list.items.is_empty());
    lists
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_a_heading_with_a_numbered_list_and_keeps_its_numbers() {
        let text = "# Book\n\n1. [not below a part](a.md)\n\n## Part\n\nWords, [b](b.md).\n\n\
                    0. [First](0.md): why [c](c.md)\n1. [`code` too](1.md)\n\n## None\n\n- [d](d.md)\n\n## End\n\n7. [E](e.md)\n";
        let item = |number, name: &str, target: &str| Item {
            number,
            name: name.to_owned(),
            target: target.to_owned(),
        };
        let list = |title: &str, items| List {
            title: title.to_owned(),
            items,
        };
        assert_eq!(
            lists(text),
            [
                list(
                    "Part",
                    vec![item(0, "First", "0.md"), item(1, "code too", "1.md")]
                ),
                list("End", vec![item(7, "E", "e.md")]),
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
