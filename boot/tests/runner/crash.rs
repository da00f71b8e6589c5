//! Going wrong on purpose (`crash=NAME`), and what is looked for in the report.

use std::fs;

use crate::kernels::{kernel, run, workspace};

/// What the guest says from the report on, when the kernel goes wrong in this way and the runner
/// ends with `status`.
pub(crate) fn report(name: &str, status: i32) -> String {
    let crash = format!("crash={name}");
    let options = ["--headless", "--timeout", "60", "--cmdline", &crash];
    let run = run(kernel(), &options);
    assert_eq!(run.status, Some(status), "{name}: {run:?}");
    let said = run.guest.replace("\r\n", "\n");
    let starts = ["\n#", "\npanicked at ", "\nNMI Interrupt"];
    let start = starts.iter().find_map(|start| said.find(start));
    let start = start.unwrap_or_else(|| panic!("{name}: there is no report in\n{said}"));
    said[start + 1..].to_owned()
}

/// Each of the words stands in the report, in this order.
pub(crate) fn says(report: &str, words: &[&str]) {
    let mut rest = report;
    for word in words {
        let Some((_, after)) = rest.split_once(word) else {
            panic!("{word:?} is missing, or not in its place, in\n{report}");
        };
        rest = after;
    }
}

/// `file:line` of the only line that holds `text`.
pub(crate) fn place(file: &str, text: &str) -> String {
    let source = fs::read_to_string(workspace().join(file)).unwrap();
    let mut lines = (1..)
        .zip(source.lines())
        .filter(|(_, line)| line.contains(text));
    let (number, _) = lines
        .next()
        .unwrap_or_else(|| panic!("{text} is not in {file}"));
    assert!(lines.next().is_none(), "{text} stands in {file} twice");
    format!("{file}:{number}")
}
