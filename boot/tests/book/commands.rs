//! Commands that the texts tell to type exist, with the options that they are given.

use crate::cargo::Cargo;
use crate::common::workspace;
use crate::document::Document;

#[test]
fn every_command_to_type_is_one() {
    let cargo = Cargo::new();
    let mut seen = 0;
    let mut wrong = Vec::new();
    for document in Document::all() {
        let mut commands = document.inline_code();
        for block in document.blocks() {
            if block.info.is_empty() || block.info == "sh" || block.info == "console" {
                let first = document.line_of(block.place.start);
                let lines = document.text[block.place].lines().enumerate();
                commands.extend(lines.map(|(index, line)| (line.to_owned(), first + index)));
            }
        }
        for (text, line) in commands {
            let text = text.trim_start_matches("$ ");
            let text = text.split(" # ").next().unwrap_or(text);
            for command in text.split(" | ").flat_map(|text| text.split(" && ")) {
                let words = words(command);
                let result = match words.first().map(String::as_str) {
                    // A program of its own, with options of its own.
                    Some("cargo")
                        if words.get(1).is_some_and(|it| {
                            ["book", "page", "replacement"].contains(&it.as_str())
                        }) =>
                    {
                        Ok(())
                    }
                    Some("cargo") => cargo.check(&words[1..]),
                    Some(program @ ("./setup" | ".ci/run"))
                        if !workspace().join(program).exists() =>
                    {
                        Err("there is no such file".to_owned())
                    }
                    _ => continue,
                };
                seen += 1;
                if let Err(error) = result {
                    wrong.push(format!("{}: `{command}`: {error}", document.at(line)));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(seen > 60, "only {seen} commands were found");
}

/// Words as a shell parts them, without its expansions.
fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut quote = None;
    let mut word: Option<String> = None;
    for c in command.chars() {
        match (c, quote) {
            (c, Some(mark)) if c == mark => quote = None,
            ('\'' | '"', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (' ', None) => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    // What is set for the command alone comes before it.
    let set = words.iter().take_while(|word| word.contains('=')).count();
    words.split_off(set)
}

#[test]
fn what_a_command_names_and_does_not_exist_is_noticed() {
    let cargo = Cargo::new();
    let check = |command: &str| cargo.check(&words(command)[1..]);
    for right in [
        "cargo run -- --after 'frames; audit' --headless",
        "cargo run -- --help",
        "cargo run -p steps --bin step-3",
        "cargo kernel-bench --update",
        "cargo host-bench --bench summary -- --write",
        "cargo host-bench -- paging",
        "cargo host-test -- zero --exact",
        "cargo test --test backings straddle",
        "cargo test -- --memory 64M",
        "cargo test -- --list",
        "cargo test --target host-tuple -p boot --test book chapter_5",
        "cargo test [FILTER] -- [OPTIONS]",
        "cargo clippy --all-targets",
    ] {
        assert_eq!(check(right), Ok(()), "{right}");
    }
    for wrong in [
        "cargo",
        "cargo ran",
        "cargo run -p steps --bin step-9",
        "cargo run -- --headles",
        "cargo run -- --tour zero --no-tour",
        "cargo run -- --memory 1M",
        "cargo run --releas",
        "cargo host-tests",
        "cargo host-test -- --exactly",
        "cargo host-test -- a_test_that_nobody_wrote",
        "cargo host-bench --bench sumary",
        "cargo host-bench -- pages-of-paper",
        "cargo kernel-bench --updated",
        "cargo run --release -- --bench-guest --compare kernel/bank.toml",
        "cargo test --test backing",
        "cargo test --test book",
        "cargo test --test backings cuddle",
        "cargo test -- --headles",
        "cargo test -- --no-tour",
        "cargo run -- --list",
        "cargo test --target host-tuple -p boots",
        "cargo doc -p memories",
    ] {
        assert!(check(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn every_block_of_code_is_fenced() {
    for document in Document::all() {
        assert_eq!(
            document.indented_code(),
            [0; 0],
            "{}: lines",
            document.path.display()
        );
    }
}
