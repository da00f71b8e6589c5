//! The book as a site, built and looked at: what a browser would find missing.

mod contents;
mod html;
mod links;
mod quotations;
mod refusals;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::{env, fs};

use crate::html::Page;

/// The folder of the repository.
fn repository() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package
        .ancestors()
        .nth(2)
        .expect("the package is docs/site")
}

/// The site of this repository.
struct Site {
    folder: PathBuf,
    /// By their paths below the folder.
    pages: BTreeMap<PathBuf, Page>,
    /// All files below the folder, pages among them.
    files: Vec<PathBuf>,
}

/// Built once, where the next run builds it again.
fn site() -> &'static Site {
    static SITE: OnceLock<Site> = OnceLock::new();
    SITE.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("book");
        site::build(repository(), &folder).expect("the book can be built");
        let mut files = Vec::new();
        collect(&folder, Path::new(""), &mut files);
        let pages = files
            .iter()
            .filter(|file| file.extension().is_some_and(|it| it == "html"));
        let pages = pages.map(|file| {
            let html = fs::read_to_string(folder.join(file)).expect("readable");
            (file.clone(), Page::read(&html))
        });
        let pages = pages.collect();
        Site {
            folder,
            pages,
            files,
        }
    })
}

/// All files below a folder.
fn collect(folder: &Path, below: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder.join(below)).expect("readable") {
        let path = below.join(entry.expect("readable").file_name());
        if folder.join(&path).is_dir() {
            collect(folder, &path, files);
        } else {
            files.push(path);
        }
    }
}

impl Site {
    fn text(&self, file: &Path) -> String {
        fs::read_to_string(self.folder.join(file)).expect("readable")
    }

    /// The lists of contents at the side of the pages. A script puts them there, the same for all pages of a book.
    fn contents(&self) -> Vec<Page> {
        let names = self.files.iter().filter(|file| {
            let name = file.to_string_lossy();
            name.starts_with("toc-") && name.ends_with(".js")
        });
        let lists = names.map(|file| {
            let script = self.text(file);
            let (_, list) = script
                .split_once("this.innerHTML = '")
                .expect("it puts HTML there");
            Page::read(list.split_once("';").expect("it ends").0)
        });
        lists.collect()
    }
}
