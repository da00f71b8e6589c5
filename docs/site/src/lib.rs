//! The book as a site.
//!
//! ```text
//! docs/README.md ─ contents ─> the pages, in order
//!                                │ text, code: links, quotations
//!                                ▼
//!                  Markdown for mdBook ─┬─ render ─> the site
//!   the files that texts lead to ─ source ─┘     ▲
//!   cargo page ─ machine ───────────────────────┘
//! ```
//!
//! What must always hold:
//! - The texts are made for a viewer of the repository. Nothing stands in them for mdBook's sake, and nothing of them is
//!   left out or hidden in the site.
//! - Every link of the repository leads to a page of the site (`place`): a text to its page, any other file to
//!   a page that shows it, at the line that is meant.
//! - The site needs no network and no server, and may lie in any folder.
#![forbid(unsafe_code)]

mod code;
pub mod contents;
mod items;
mod machine;
mod markdown;
mod pages;
mod place;
mod render;
mod source;
mod text;

use std::path::Path;

use anyhow::Context;

use crate::contents::Contents;
use crate::pages::Pages;

pub use crate::place::page_of;

/// Builds the site of the repository at `repository` in the folder `to`, whose old site goes.
///
/// # Errors
/// A text or file that cannot be read, a link that leads nowhere, and a `to` that holds something else
/// than a site; and a machine in the page that cargo does not build.
pub fn build(repository: &Path, to: &Path) -> anyhow::Result<()> {
    let contents = Contents::read(repository)?;
    let pages = Pages::make(repository, contents)?;
    render::site(repository, &pages, to).with_context(|| to.display().to_string())?;
    if pages.has_machine {
        machine::put(repository, to)?;
    }
    Ok(())
}
