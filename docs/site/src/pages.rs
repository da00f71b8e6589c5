//! All pages of the site, as Markdown, and the pictures that they show.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use mdbook_driver::book::{Book, BookItem, Chapter, SectionNumber};

use crate::contents::{Contents, Text};
use crate::place::page_of;
use crate::source;
use crate::text::{Ready, ready};

/// What mdBook makes a site of.
pub(crate) struct Pages {
    /// The texts.
    pub(crate) book: Book,
    /// The files that the texts lead to.
    pub(crate) sources: Book,
    /// Below the repository's folder.
    pub(crate) pictures: BTreeSet<PathBuf>,
    /// Whether a text leads to the machine in the page.
    pub(crate) has_machine: bool,
}

impl Pages {
    /// Makes all pages.
    ///
    /// # Errors
    /// A link that leads nowhere, with its line.
    pub(crate) fn make(repository: &Path, contents: Contents) -> anyhow::Result<Self> {
        let read = |file: &Path| {
            let path = repository.join(file);
            ensure!(path.exists(), "there is no such file");
            ensure!(path.is_file(), "this is a folder: a link leads to a file");
            fs::read_to_string(path).context("this is no text")
        };
        let mut pictures = BTreeSet::new();
        let mut has_machine = false;
        // Each with the texts that lead there.
        let mut sources: BTreeMap<PathBuf, Vec<(String, PathBuf)>> = BTreeMap::new();
        let mut chapter = |text: &Text, number: Option<u32>| -> anyhow::Result<BookItem> {
            let Ready {
                markdown,
                sources: files,
                pictures: shown,
                has_machine: leads_there,
            } = ready(text, &read)?;
            pictures.extend(shown);
            has_machine |= leads_there;
            let from = (chapter_name(text, number), page_of(&text.path));
            for file in files {
                let texts = sources.entry(file).or_default();
                if !texts.contains(&from) {
                    texts.push(from.clone());
                }
            }
            let mut chapter = Chapter::new(
                &text.name,
                markdown,
                page_of(&text.path).with_extension("md"),
                Vec::new(),
            );
            chapter.number = number.map(|number| SectionNumber::new([number]));
            Ok(chapter.into())
        };
        let mut items = vec![chapter(&contents.first, None)?];
        for part in &contents.parts {
            items.push(BookItem::PartTitle(part.title.clone()));
            for (number, text) in &part.chapters {
                items.push(chapter(text, Some(*number))?);
            }
        }
        items.push(BookItem::Separator);
        for text in &contents.others {
            items.push(chapter(text, None)?);
        }
        let book = Book::new_with_items(items);
        let sources = source::book(&sources, &read)?;
        Ok(Self {
            book,
            sources,
            pictures,
            has_machine,
        })
    }
}

/// As the list of contents shows it.
fn chapter_name(text: &Text, number: Option<u32>) -> String {
    number.map_or_else(
        || text.name.clone(),
        |number| format!("{number}. {}", text.name),
    )
}
