//! What is not built, and what is said then.

use std::fs;

use tempfile::TempDir;

/// A repository with these files.
fn repository(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("there is room for temporary files");
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().expect("in a folder")).expect("writable");
        fs::write(path, text).expect("writable");
    }
    folder
}

const README: (&str, &str) = (
    "docs/README.md",
    "# Book\n\n## Part\n\n1. [One](1.md): words\n",
);
const CHAPTER: (&str, &str) = ("docs/1.md", "# 1. One\n\n[`a`](../a.rs)\n");
const SOURCE: (&str, &str) = ("a.rs", "fn a() {}\n");

/// What is wrong with a repository of these files.
fn error(files: &[(&str, &str)]) -> String {
    let repository = repository(files);
    let to = repository.path().join("site");
    let error = site::build(repository.path(), &to).expect_err("it is wrong");
    assert!(
        !to.exists(),
        "what is wrong is noticed before anything is written"
    );
    format!("{error:#}")
}

#[test]
fn what_is_wrong_with_a_text_is_told_with_its_place() {
    let nowhere = error(&[README, ("docs/1.md", "# One\n\n[two](2.md)\n")]);
    assert!(
        nowhere.starts_with("a link of docs/1.md: docs/2.md: "),
        "{nowhere}"
    );
    assert_eq!(
        error(&[README, CHAPTER]),
        "docs/1.md:3: (../a.rs): there is no such file"
    );
    let folder = error(&[README, ("docs/1.md", "# One\n\n[a](../docs)\n")]);
    assert_eq!(
        folder,
        "docs/1.md:3: (../docs): this is a folder: a link leads to a file"
    );
    let unlisted = error(&[README, CHAPTER, SOURCE, ("docs/2.md", "# Two\n")]);
    assert_eq!(
        unlisted,
        "docs/2.md: no text of the book leads to it; docs/README.md can list it"
    );
    let twice = "# Book\n\n## Part\n\n1. [One](1.md)\n2. [Again](1.md)\n";
    let twice = error(&[("docs/README.md", twice), CHAPTER, SOURCE]);
    assert_eq!(twice, "docs/README.md lists docs/1.md twice");
    let empty = error(&[("docs/README.md", "# Book\n")]);
    assert!(
        empty.starts_with("docs/README.md lists no chapter"),
        "{empty}"
    );
}

#[test]
fn a_folder_with_something_else_is_left_alone_and_an_old_site_goes() {
    let repository = repository(&[README, CHAPTER, SOURCE, ("mine/diary.txt", "dear")]);
    let build = |to: &str| site::build(repository.path(), &repository.path().join(to));
    let error = format!("{:#}", build("mine").expect_err("it is mine"));
    assert!(
        error.contains("holds something that is no site of ours"),
        "{error}"
    );
    let diary = fs::read_to_string(repository.path().join("mine/diary.txt"));
    assert_eq!(diary.expect("it is there"), "dear");

    let page = |name: &str| repository.path().join("site").join(name);
    build("site").expect("the folder is new");
    fs::write(page("old.html"), "").expect("writable");
    build("site").expect("the folder holds a site");
    assert!(!page("old.html").exists());
    for name in [
        "index.html",
        "1.html",
        "print.html",
        "source/index.html",
        "source/a.rs.html",
    ] {
        assert!(page(name).exists(), "{name}");
    }
}
