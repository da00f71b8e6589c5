//! The pages that show files of the repository: every line has an anchor, `L` and its number.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use mdbook_driver::book::{Book, BookItem, Chapter};

use crate::code::show_all;
use crate::contents::FIRST;
use crate::place::{SOURCES, address, page_of};

/// The pages of these files, each with the names and pages of the texts that lead to it: a part for each folder.
pub(crate) fn book(
    files: &BTreeMap<PathBuf, Vec<(String, PathBuf)>>,
    read: &impl Fn(&Path) -> anyhow::Result<String>,
) -> anyhow::Result<Book> {
    let mut folders: BTreeMap<&Path, Vec<BookItem>> = BTreeMap::new();
    for (file, texts) in files {
        let page = page_of(file);
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let markdown = markdown(file, &read(file)?, texts);
        // mdBook puts `html` in the place of `md`.
        let path = page.with_extension("md");
        let chapter = Chapter::new(&name, markdown, path, Vec::new());
        let folder = file.parent().unwrap_or(Path::new(""));
        folders.entry(folder).or_default().push(chapter.into());
    }
    let first = Path::new(SOURCES).join("index.md");
    let to_book = address(&first, &page_of(Path::new(FIRST)));
    let words = format!(
        "# Sources\n\nThe files that [the book]({to_book}) leads to, as they stood in the repository when this site was built.\n"
    );
    let mut items = vec![Chapter::new("Sources", words, first, Vec::new()).into()];
    for (folder, chapters) in folders {
        let name = if folder == Path::new("") {
            "the top folder".into()
        } else {
            folder.to_string_lossy()
        };
        items.push(BookItem::PartTitle(name.into_owned()));
        items.extend(chapters);
    }
    Ok(Book::new_with_items(items))
}

/// A page: the file's path, what leads to it, and its lines.
fn markdown(file: &Path, source: &str, texts: &[(String, PathBuf)]) -> String {
    let page = page_of(file);
    let links = texts
        .iter()
        .map(|(name, text)| format!("[{name}]({})", address(&page, text)));
    let links = links.collect::<Vec<_>>().join(", ");
    let is_rust = file.extension().is_some_and(|it| it == "rs");
    let (language, source) = match file.extension() {
        _ if is_rust => ("rust", show_all(source)),
        Some(it) if it == "toml" => ("toml", source.into()),
        _ => ("text", source.into()),
    };
    let mut numbers = String::new();
    for line in 1..=source.lines().count() {
        writeln!(numbers, "<a id=\"L{line}\" href=\"#L{line}\">{line}</a>")
            .expect("a string takes all");
    }
    format!(
        "# `{}`\n\nIn the book: {links}\n\n<div class=\"source\">\n\n<pre class=\"lines\">{numbers}</pre>\n\
         <pre><code class=\"language-{language}\">{}</code></pre>\n\n</div>\n",
        file.display(),
        escaped(&source)
    )
}

/// Text within HTML.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_shows_each_line_with_an_anchor_and_what_leads_to_it() {
        let texts = [
            ("1. One".to_owned(), "01.html".into()),
            ("Three".to_owned(), "build/3.html".into()),
        ];
        assert_eq!(
            markdown(
                Path::new("kernel/a.rs"),
                "fn a() {\n\n    b::<&u8>();\n# c\n}\n",
                &texts
            ),
            "# `kernel/a.rs`\n\nIn the book: [1. One](../../01.html), [Three](../../build/3.html)\n\n\
             <div class=\"source\">\n\n<pre class=\"lines\"><a id=\"L1\" href=\"#L1\">1</a>\n<a id=\"L2\" href=\"#L2\">2</a>\n\
             <a id=\"L3\" href=\"#L3\">3</a>\n<a id=\"L4\" href=\"#L4\">4</a>\n<a id=\"L5\" href=\"#L5\">5</a>\n</pre>\n\
             <pre><code class=\"language-rust\">fn a() {\n\n    b::&lt;&amp;u8&gt;();\n## c\n}\n</code></pre>\n\n</div>\n"
        );
    }
}
