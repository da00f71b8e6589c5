//! Which blocks of a text are played on which machine.
//!
//! | block | is |
//! |---|---|
//! | `monitor` | the prompt: lines that begin with `> ` are typed, the others are the answers. It goes on with the machine of the block before |
//! | `monitor fresh` or `monitor OPTIONS` | the same on a new machine, started with these options of the runner |
//! | `boot OPTIONS` | what a new machine prints before its first prompt; `monitor` blocks go on with it |
//! | `console` | a line `$ cargo run -- OPTIONS`, and what that prints |
//!
//! A machine gets `--headless`, and `--no-tour` where the options name no tour.

use std::ops::Range;

use crate::document::Document;

/// A machine's life in a text.
#[derive(Debug, Default)]
pub(crate) struct Machine {
    pub(crate) options: Vec<String>,
    pub(crate) answers: Vec<Answer>,
}

/// Something that the machine prints.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) to: To,
    /// The lines that the text shows, as a part of the text.
    pub(crate) place: Range<usize>,
}

/// What is answered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum To {
    /// The start of the machine: what comes before its first prompt.
    Start,
    /// A command at the prompt.
    Command(String),
    /// The whole command line, which the options repeat.
    Run,
}

/// The machines of a text, in order.
pub(crate) fn machines(document: &Document) -> Vec<Machine> {
    let mut machines: Vec<Machine> = Vec::new();
    for block in document.blocks() {
        let mut words = block.info.split_whitespace().map(str::to_owned);
        let kind = words.next().unwrap_or_default();
        let mut options: Vec<_> = words.collect();
        let is_new = !options.is_empty();
        options.retain(|option| option != "fresh");
        match kind.as_str() {
            "boot" => {
                let place = block.place.clone();
                let to = To::Start;
                let answers = vec![Answer { to, place }];
                machines.push(Machine { options, answers });
            }
            "monitor" => {
                if is_new || machines.is_empty() {
                    machines.push(Machine {
                        options,
                        ..Machine::default()
                    });
                }
                let machine = machines.last_mut().expect("one was just made");
                machine.answers.extend(commands(document, block.place));
            }
            "console" => {
                let text = &document.text[block.place.clone()];
                let (command, _) = text.split_once('\n').unwrap_or((text, ""));
                let is_run = command.starts_with("$ cargo run");
                assert!(is_run, "`{command}`: only `$ cargo run` can be played");
                let options = command
                    .split_once(" -- ")
                    .map_or("", |(_, options)| options);
                let place = (block.place.start + command.len() + 1).min(block.place.end);
                machines.push(Machine {
                    options: options.split_whitespace().map(str::to_owned).collect(),
                    answers: vec![Answer {
                        to: To::Run,
                        place: place..block.place.end,
                    }],
                });
            }
            _ => {}
        }
    }
    machines
}

/// The commands of a block, each with the lines that follow it.
fn commands(document: &Document, block: Range<usize>) -> Vec<Answer> {
    let mut answers: Vec<Answer> = Vec::new();
    let mut at = block.start;
    for line in document.text[block].split_inclusive('\n') {
        let end = at + line.len();
        if let Some(command) = line.strip_prefix("> ") {
            answers.push(Answer {
                to: To::Command(command.trim_end().to_owned()),
                place: end..end,
            });
        } else {
            let line = document.line_of(at);
            let answer = answers.last_mut();
            let answer = answer.unwrap_or_else(|| panic!("{}: no command yet", document.at(line)));
            answer.place.end = end;
        }
        at = end;
    }
    answers
}

#[test]
fn blocks_are_parted_into_machines_and_commands() {
    let text = "```monitor\n> frames\na\nb\n> audit\n```\n\ntext\n\n```monitor\n> heap\nc\n```\n\n\
                ```monitor --memory 64M\n> exit 3\n```\n\n```text\n> no\n```\n\n```boot --tour zero\nd\n```\n";
    let document = Document {
        path: "text.md".into(),
        text: text.to_owned(),
    };
    let machines = machines(&document);
    let told: Vec<_> = machines
        .iter()
        .flat_map(|machine| &machine.answers)
        .map(|answer| (&answer.to, &text[answer.place.clone()]))
        .collect();
    let command = |text: &str| To::Command(text.to_owned());
    assert_eq!(
        told,
        [
            (&command("frames"), "a\nb\n"),
            (&command("audit"), ""),
            (&command("heap"), "c\n"),
            (&command("exit 3"), ""),
            (&To::Start, "d\n"),
        ]
    );
    let options: Vec<_> = machines
        .iter()
        .map(|machine| machine.options.join(" "))
        .collect();
    assert_eq!(options, ["", "--memory 64M", "--tour zero"]);
}
