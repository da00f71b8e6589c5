//! Where a file of the repository is in the site.
//!
//! | file | page |
//! |---|---|
//! | `docs/README.md` | `index.html` |
//! | another text | as in `docs/`, or at the top: `build/3-frames.html`, `CONTRIBUTING.html` |
//! | a picture | as in `docs/` |
//! | the machine in the page, `kernel/simulator/site/index.html` | `machine/index.html` |
//! | any other file | below `source/`, with its whole path: `source/kernel/src/main.rs.html` |

use std::path::{Component, Path, PathBuf};

use crate::contents::{FIRST, is_text};

/// The folder of the pages that show files.
pub(crate) const SOURCES: &str = "source";

/// The folder of the machine in the page.
pub(crate) const MACHINE: &str = "machine";
/// Where its page comes from.
const MACHINE_PAGE: &str = "kernel/simulator/site/index.html";

/// Whether a file is the page of the machine.
pub(crate) fn is_machine(file: &Path) -> bool {
    file == Path::new(MACHINE_PAGE)
}

/// The file, below the repository's folder, that a link of the text at `from` leads to; `None` for an address of the
/// network, a place in the text itself, and what lies outside of the repository.
pub(crate) fn leads_to(from: &Path, target: &str) -> Option<PathBuf> {
    let path = target.split('#').next().unwrap_or(target);
    if path.is_empty() || path.contains(':') || path.starts_with('/') {
        return None;
    }
    let mut file = from.parent()?.to_owned();
    for component in Path::new(path).components() {
        match component {
            Component::ParentDir => file.pop().then_some(())?,
            Component::Normal(name) => file.push(name),
            _ => {}
        }
    }
    Some(file)
}

/// The path of the page, below the site's folder, that shows this file of the repository.
pub fn page_of(file: &Path) -> PathBuf {
    if file == Path::new(FIRST) {
        "index.html".into()
    } else if is_machine(file) {
        Path::new(MACHINE).join("index.html")
    } else if is_text(file) {
        file.strip_prefix("docs")
            .unwrap_or(file)
            .with_extension("html")
    } else {
        let mut page = Path::new(SOURCES).join(file).into_os_string();
        page.push(".html");
        page.into()
    }
}

/// The path of a picture below the site's folder.
pub(crate) fn place_of_picture(file: &Path) -> &Path {
    file.strip_prefix("docs").unwrap_or(file)
}

/// The address of `to` for a page at `from`, both below the site's folder.
pub(crate) fn address(from: &Path, to: &Path) -> String {
    let up = from.components().count().saturating_sub(1);
    let down = to.components().map(|it| it.as_os_str().to_string_lossy());
    "../".repeat(up) + &down.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_followed_from_the_folder_of_its_text() {
        let from = Path::new("docs/build/1.md");
        let file = |target| leads_to(from, target);
        assert_eq!(file("../05.md#a"), Some("docs/05.md".into()));
        assert_eq!(file("../../setup"), Some("setup".into()));
        assert_eq!(file("2.md"), Some("docs/build/2.md".into()));
        for elsewhere in [
            "#a",
            "https://a.example/b.md",
            "/etc/passwd",
            "../../../a.md",
        ] {
            assert_eq!(file(elsewhere), None, "{elsewhere}");
        }
    }

    #[test]
    fn every_file_has_a_page_and_an_address_from_every_other() {
        let page = |file: &str| page_of(Path::new(file));
        assert_eq!(page("docs/README.md"), Path::new("index.html"));
        assert_eq!(page("docs/build/3.md"), Path::new("build/3.html"));
        assert_eq!(page("README.md"), Path::new("README.html"));
        assert_eq!(page("kernel/a.rs"), Path::new("source/kernel/a.rs.html"));
        assert_eq!(
            page("kernel/simulator/site/index.html"),
            Path::new("machine/index.html")
        );
        assert_eq!(
            address(&page("docs/05.md"), &page("setup")),
            "source/setup.html"
        );
        assert_eq!(
            address(&page("docs/build/3.md"), &page("docs/05.md")),
            "../05.html"
        );
        assert_eq!(
            address(&page("kernel/a.rs"), &page("docs/README.md")),
            "../../index.html"
        );
    }
}
