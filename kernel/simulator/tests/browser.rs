//! The page in a browser: every scenario is played by the keys that a reader presses, and what
//! is shown then is what the library says on the host. Skipped without Chromium.
#![allow(missing_docs, reason = "a test")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use simulator::Page;
use simulator::scenarios::SCENARIOS;

/// Names that Chromium has on one system or another.
const BROWSERS: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];

fn browser() -> Option<&'static str> {
    let starts = |name: &&str| Command::new(name).arg("--version").output().is_ok();
    BROWSERS.into_iter().find(|name| starts(name))
}

/// Builds the page into a folder.
fn build(folder: &Path) {
    let built = Command::new(env!("CARGO_BIN_EXE_page"))
        .arg(folder)
        .output();
    let built = built.expect("the builder starts");
    assert!(
        built.status.success(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );
}

/// What the page shows after all was played, in a window of this width.
fn play(browser: &str, folder: &Path, width: u32) -> Value {
    let profile = tempfile::tempdir().expect("a folder for the browser");
    let shown = Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
        ])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("--window-size={width},900"))
        .args(["--virtual-time-budget=60000", "--dump-dom"])
        .arg(format!("file://{}", folder.join("check.html").display()))
        .output()
        .expect("the browser starts");
    let text = String::from_utf8_lossy(&shown.stdout);
    let result = text
        .split_once("<pre id=\"check\">")
        .and_then(|(_, rest)| rest.split_once("</pre>"));
    let title = text
        .split_once("<title>")
        .and_then(|(_, rest)| rest.split_once("</title>"));
    let Some((result, _)) = result else {
        panic!("{title:?}\n{}", String::from_utf8_lossy(&shown.stderr));
    };
    let result = result
        .replace("&gt;", ">")
        .replace("&lt;", "<")
        .replace("&amp;", "&");
    serde_json::from_str(&result).expect("JSON")
}

/// A text in which no gap is wider than three blanks: so the page shows it.
fn without_gaps(text: &str) -> String {
    let mut text = text.to_owned();
    while text.contains("    ") {
        text = text.replace("    ", "   ");
    }
    text
}

/// What the library says after a scenario: the numbers by the names that the page gives
/// them, what was typed and answered, and faults in all.
fn on_the_host(name: &str) -> (BTreeMap<&'static str, String>, String, u64) {
    let mut page = Page::new();
    let mut answer = page.request(&format!("start {name}"));
    let (mut console, mut told) = (String::new(), 0);
    let lines = answer.scenario.expect("a scenario").lines.len();
    for _ in 0..lines {
        answer = page.request("next");
        let line = answer.line.as_deref().expect("a line");
        console += &format!("> {line}\n{}", without_gaps(&answer.said));
        let steps = answer.episodes.iter().flat_map(|episode| &episode.steps);
        told += steps.filter(|step| step.kind == "fault").count() as u64;
    }
    let counts = &answer.state.counts;
    let mut numbers = BTreeMap::from([
        ("faults", counts.faults.to_string()),
        ("private frames", counts.private.to_string()),
        ("shared frames", counts.shared.to_string()),
        ("tables", counts.tables.to_string()),
        ("free frames", counts.free.to_string()),
        ("cache hits", counts.hits.to_string()),
        ("walks", counts.walks.to_string()),
        ("flushes", counts.flushes.to_string()),
    ]);
    if counts.slots > 0 {
        numbers.insert(
            "slots used",
            format!("{} of {}", counts.slots_used, counts.slots),
        );
        numbers.insert("pages written", counts.written.to_string());
        numbers.insert("pages read", counts.read.to_string());
    }
    (numbers, console, told)
}

#[test]
fn the_page_shows_what_the_library_says() {
    let Some(browser) = browser() else {
        println!("skipped: no Chromium on this machine");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    build(folder.path());
    let read =
        |name: &str| fs::read_to_string(folder.path().join(name)).expect("a file of the page");
    let page = read("index.html");
    let scripts = ["index.html", "machine.js", "draw.js", "page.js", "page.css"].map(read);
    assert!(
        scripts.iter().all(|text| !text.contains("://")),
        "nothing comes from elsewhere"
    );
    let checked = page.replace("</body>", "<script src=\"check.js\"></script></body>");
    fs::write(folder.path().join("check.html"), checked).expect("a file more");
    fs::write(folder.path().join("check.js"), include_str!("check.js")).expect("a file more");
    for width in [1400, 900, 500] {
        let shown = play(browser, folder.path(), width);
        for scenario in &SCENARIOS {
            let of_page = &shown["scenarios"][scenario.name];
            let (numbers, console, told) = on_the_host(scenario.name);
            let (name, numbers) = (scenario.name, serde_json::json!(numbers));
            assert_eq!(of_page["numbers"], numbers, "{name}");
            assert_eq!(of_page["console"], console, "{name}");
            assert_eq!(of_page["faults"], told, "{name}");
            assert_eq!(
                of_page["wide"], 0,
                "{name} at {width}: wider than its window"
            );
        }
        assert_eq!(shown["scenarios"]["reuse"]["stale"], 1);
        let typed = &shown["typed"];
        // The second page was clicked; its second and third bytes were written.
        assert_eq!(typed["first"], (0x11000).to_string());
        assert_eq!(typed["window"], (0x10ff0).to_string());
        assert_eq!(typed["numbers"]["faults"], "1");
        let console = typed["console"].as_str().expect("text");
        assert!(
            console.contains("> write 0x11001 0x41\nwritten=1 faults=1 frames=1\n"),
            "{console}"
        );
        assert!(
            console.contains("> write 0x11002 0x42\nwritten=1 faults=0 frames=0\n"),
            "{console}"
        );
        assert!(
            console.contains("there is no command `hepl`: did you mean `help`?"),
            "{console}"
        );
    }
}
