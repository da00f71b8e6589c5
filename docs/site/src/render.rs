//! From Markdown to the site, by mdBook.
//!
//! Texts and sources are two books of mdBook's, each with a list of contents and arrows of its own, in one folder. What
//! lies beside their pages (styles, scripts, fonts) has a name that holds a hash of its contents: it is there once.

use std::fs;
use std::path::Path;
use std::str::FromStr;

use anyhow::{Context, ensure};
use mdbook_driver::MDBook;
use mdbook_driver::book::Book;
use mdbook_driver::config::Config;
use tempfile::tempdir;

use crate::pages::Pages;
use crate::place::place_of_picture;

/// How mdBook shows the book.
const CONFIG: &str = include_str!("../book.toml");
/// The look of what mdBook knows nothing of.
const STYLE: &str = include_str!("../book.css");
/// A folder with this file holds a site, which may go.
const SIGN: &str = "toc.html";

/// Makes the site in the folder `to`.
pub(crate) fn site(repository: &Path, pages: &Pages, to: &Path) -> anyhow::Result<()> {
    let is_empty = || fs::read_dir(to).is_ok_and(|mut entries| entries.next().is_none());
    ensure!(
        !to.exists() || to.join(SIGN).exists() || is_empty(),
        "the folder holds something that is no site of ours, and that would be lost: name a new folder or an empty one"
    );
    // mdBook copies whatever lies beside the texts: in this folder that is nothing.
    let folder = tempdir().context("there is no room for temporary files")?;
    fs::create_dir(folder.path().join("src"))?;
    fs::write(folder.path().join("book.css"), STYLE)?;

    let mut config = Config::from_str(CONFIG).context("book.toml")?;
    config.build.build_dir = std::path::absolute(to)?;
    render(folder.path(), config.clone(), &pages.book)?;

    let beside = folder.path().join("sources");
    config.build.build_dir.clone_from(&beside);
    config.book.title = Some("Faultline: sources".to_owned());
    config.set("output.html.search.enable", false)?;
    config.set("output.html.print.enable", false)?;
    render(folder.path(), config, &pages.sources)?;
    copy_new(&beside, to)?;

    for picture in &pages.pictures {
        let place = to.join(place_of_picture(picture));
        fs::create_dir_all(place.parent().context("a picture lies in a folder")?)?;
        fs::copy(repository.join(picture), place).with_context(|| picture.display().to_string())?;
    }
    Ok(())
}

fn render(folder: &Path, config: Config, book: &Book) -> anyhow::Result<()> {
    let mut mdbook = MDBook::load_with_config_and_summary(folder, config, Default::default())?;
    mdbook.book = book.clone();
    mdbook.build()
}

/// Copies the files below one folder that are not below the other.
fn copy_new(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let (from, to) = {
            let entry = entry?;
            (entry.path(), to.join(entry.file_name()))
        };
        if from.is_dir() {
            copy_new(&from, &to)?;
        } else if !to.exists() {
            fs::copy(&from, &to).with_context(|| to.display().to_string())?;
        }
    }
    Ok(())
}
