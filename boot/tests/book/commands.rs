//! Commands that the texts tell to type exist, with the options that they are given.

use std::path::Path;
use std::{collections::BTreeSet, fs};

use boot::options::Options;
use clap::Parser as _;

use crate::common::workspace;
use crate::document::Document;

#[test]
fn every_command_to_type_is_one() {
    let aliases = aliases();
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
                if words.first().is_some_and(|word| word == "cargo") {
                    seen += 1;
                    if let Err(error) = check(&words[1..], &aliases) {
                        wrong.push(format!("{}: `{command}`: {error}", document.at(line)));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(seen > 20, "only {seen} commands were found");
}

/// Checks the words after `cargo`.
fn check(words: &[String], aliases: &BTreeSet<String>) -> Result<(), String> {
    let (before, after) = match words.iter().position(|word| word == "--") {
        Some(place) => (&words[..place], &words[place + 1..]),
        None => (words, &[][..]),
    };
    let Some((name, before)) = before.split_first() else {
        return Err("which command?".to_owned());
    };
    match name.as_str() {
        "run" => {
            let after = after.iter().take_while(|word| !word.starts_with('<'));
            let line = ["boot", "kernel"].into_iter().map(str::to_owned);
            match Options::try_parse_from(line.chain(after.cloned())) {
                Err(error) if error.use_stderr() => Err(error.to_string()),
                _ => Ok(()),
            }
        }
        "test" => check_test(before),
        "host-test" | "host-bench" | "kernel-bench" => aliases
            .contains(name)
            .then_some(())
            .ok_or_else(|| "there is no such alias in .cargo/config.toml".to_owned()),
        "doc" | "clippy" | "fmt" | "build" | "check" | "bench" | "fuzz" => Ok(()),
        _ => Err(format!("cargo has no command {name} here")),
    }
}

/// Test targets that are named exist.
fn check_test(words: &[String]) -> Result<(), String> {
    for pair in words.windows(2).filter(|pair| pair[0] == "--test") {
        let name = &pair[1];
        let places = ["tests", "kernel/memory/tests", "boot/tests"].map(Path::new);
        let exists = places.iter().any(|folder| {
            let folder = workspace().join(folder);
            folder.join(format!("{name}.rs")).exists() || folder.join(name).join("main.rs").exists()
        });
        if !exists {
            return Err(format!("there is no test {name}"));
        }
    }
    Ok(())
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

fn aliases() -> BTreeSet<String> {
    let config =
        fs::read_to_string(workspace().join(".cargo/config.toml")).expect("cargo's configuration");
    let config: toml::Table = config.parse().expect("in TOML");
    let aliases = config["alias"].as_table().expect("with aliases");
    aliases.keys().cloned().collect()
}

#[test]
fn an_option_that_does_not_exist_is_noticed() {
    let aliases = aliases();
    let check = |command: &str| check(&words(command)[1..], &aliases);
    assert!(check("cargo run -- --after 'frames; audit' --headless").is_ok());
    assert!(check("cargo run -- --headles").is_err());
    assert!(check("cargo test --test backings").is_ok());
    assert!(check("cargo test --test backing").is_err());
    assert!(check("cargo host-tests").is_err());
}
