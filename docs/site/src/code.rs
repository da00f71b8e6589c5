//! The blocks of code of a text, made ready for mdBook.
//!
//! - A block that quotes a file gets a line above it that leads there.
//! - A session becomes plain text in which the lines that are typed stand out.
//! - Any other block whose language is one of our own becomes plain text, too, with the language as its class.
//! - A line of Rust that mdBook would hide is protected.

use std::borrow::Cow;
use std::path::Path;

use anyhow::{Context, ensure};

use crate::contents::Text;
use crate::items::line_of_quotation;
use crate::markdown::{Block, blocks};
use crate::place::{address, leads_to, page_of};
use crate::source::escaped;
use crate::text::{Change, Ready, at};

/// What the browser's part of mdBook colours. All other blocks are plain text to it.
const LANGUAGES: [&str; 4] = ["rust", "sh", "text", "toml"];

/// The languages of sessions, each with what stands before a line that is typed.
const SESSIONS: [(&str, &str); 3] = [("console", "$ "), ("monitor", "> "), ("text", "$ ")];

/// What is to be changed in the blocks of code.
///
/// # Errors
/// A quotation of a file that cannot be read, or code without a fence.
pub(crate) fn change_code(
    text: &Text,
    read: &impl Fn(&Path) -> anyhow::Result<String>,
    ready: &mut Ready,
) -> anyhow::Result<Vec<Change>> {
    let mut changes = Vec::new();
    for block in blocks(&text.markdown) {
        let at = at(text, block.fence.start);
        let info = block.info.as_deref();
        let info = info.with_context(|| format!("{at}: code is fenced with ```, not indented"))?;
        let code = &text.markdown[block.code.clone()];
        if let Some(path) = info.strip_prefix("rust ") {
            let at = || format!("{at}: ({path})");
            let file = leads_to(&text.path, path).with_context(at)?;
            let first = line_of_quotation(&read(&file).with_context(at)?, code);
            let first = first.map_or(String::new(), |line| format!("#L{line}"));
            let to = address(&page_of(&text.path), &page_of(&file)) + &first;
            let name = file.display();
            let above = format!("<p class=\"quoted\"><a href=\"{to}\">{name}</a></p>\n\n");
            changes.push((
                block.fence.start..block.fence.start,
                above + &indent(text, &block),
            ));
            ready.sources.push(file);
        }
        let word = info.split(' ').next();
        let session = SESSIONS.iter().find(|(name, prompt)| {
            word == Some(name) && code.lines().any(|line| line.starts_with(prompt))
        });
        if let Some((_, prompt)) = session {
            changes.push((block.place, session_in_html(prompt, code)));
            continue;
        }
        let language = language(info);
        if language == "rust"
            && let Cow::Owned(shown) = show_all(code)
        {
            changes.push((block.code, shown));
        }
        if language != info {
            let place = block.fence.end - info.len()..block.fence.end;
            let is_there = text.markdown[place.clone()] == *info;
            ensure!(is_there, "{at}: something stands behind {info:?}");
            changes.push((place, language.into_owned()));
        }
    }
    Ok(changes)
}

/// The indentation of a block, and nothing else of its line.
fn indent(text: &Text, block: &Block) -> String {
    let before = &text.markdown[..block.fence.start];
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    " ".repeat(before.len() - start)
}

/// A session in HTML, with the lines that are typed marked.
fn session_in_html(prompt: &str, code: &str) -> String {
    let lines = code.lines().map(|line| {
        let shown = escaped(line);
        if line.starts_with(prompt) {
            format!("<b>{shown}</b>\n")
        } else {
            shown + "\n"
        }
    });
    let lines: String = lines.collect();
    format!("<pre><code class=\"language-text session\">{lines}</code></pre>")
}

/// What stands behind the fence of such a block for mdBook.
fn language(info: &str) -> Cow<'_, str> {
    match info.split([' ', ',']).next() {
        Some("rust") => "rust".into(),
        Some(word) if !word.is_empty() && !LANGUAGES.contains(&word) => {
            format!("text {word}").into()
        }
        _ => info.into(),
    }
}

/// Rust code of which mdBook hides no line: it takes `# ` at the start of one for a sign to hide it.
pub(crate) fn show_all(code: &str) -> Cow<'_, str> {
    let is_hidden = |line: &str| {
        let sign = line.trim_start().strip_prefix('#');
        sign.is_some_and(|rest| {
            rest.trim_end_matches(['\n', '\r']).is_empty() || rest.starts_with([' ', '#'])
        })
    };
    if !code.lines().any(is_hidden) {
        return code.into();
    }
    let lines = code.split_inclusive('\n');
    let lines = lines.map(|line| {
        if is_hidden(line) {
            line.replacen('#', "##", 1)
        } else {
            line.to_owned()
        }
    });
    lines.collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_of_rust_is_hidden() {
        let code = "#[test]\n# hidden\n    #\n## two\n#![no_std]\n";
        assert_eq!(
            show_all(code),
            "#[test]\n## hidden\n    ##\n### two\n#![no_std]\n"
        );
    }
}
