//! Which chapters the book has, in which order: what the lists of `docs/README.md` say.
//!
//! A part is a heading of the second level with a numbered list below it; each item of the list begins with a link
//! to a chapter. The other texts come after the parts, in the order in which the book leads to them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

use crate::markdown::{Item, heading, links, lists};
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
        for list in lists(&contents.first.markdown) {
            contents.parts.push(Part {
                title: list.title,
                chapters: Vec::new(),
            });
            for Item {
                number,
                name,
                target,
            } in list.items
            {
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
