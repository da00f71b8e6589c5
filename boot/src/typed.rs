//! What was typed, line by line, and what became of it: which commands were refused, and which
//! were not run.
//!
//! The guest takes one line at a prompt: the first at the first, and so on. What its answers say
//! is counted by [`Prompts`]; an answer that begins with `error: ` is a command refused.

use std::collections::VecDeque;

use crate::prompt::Prompts;
use crate::status::Outcome;

/// What Ctrl-D sends: the end of the input, on an empty line.
pub(crate) const END_OF_INPUT: u8 = 0x04;

/// What Ctrl-C sends: the guest drops its line and prompts again.
const DROP_LINE: u8 = 0x03;

/// So much of a command is kept.
const KEPT: usize = 40;

/// The lines that were typed, as the guest counts them: CR, LF and CR LF end one, Ctrl-C drops
/// one, and Ctrl-D takes an empty one for itself.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    /// Lines that were ended
    pub(crate) ended: u64,
    after_return: bool,
    /// The start of the line that was not ended yet
    line: Vec<u8>,
    /// Commands that may not have been run, each with its line's number
    waiting: VecDeque<(u64, String)>,
    /// Commands that are typed next
    planned: VecDeque<String>,
    commands: u64,
    last_command: Option<u64>,
    /// The whole script was typed
    pub(crate) is_complete: bool,
    /// Nothing more was typed after a refused command
    pub(crate) is_stopped: bool,
}

impl Lines {
    /// These are typed next, one by one.
    pub(crate) fn plan(&mut self, commands: &[String]) {
        self.planned = commands.iter().cloned().collect();
    }

    /// One of them is typed now.
    pub(crate) fn begin_planned(&mut self) {
        self.planned.pop_front();
    }

    pub(crate) fn is_unfinished(&self) -> bool {
        !self.line.is_empty()
    }

    /// Takes note of what is typed, at so many prompts.
    pub(crate) fn count(&mut self, bytes: &[u8], prompts: u64) {
        while self
            .waiting
            .front()
            .is_some_and(|(line, _)| *line < prompts)
        {
            self.waiting.pop_front();
        }
        for &byte in bytes {
            match byte {
                b'\n' if self.after_return => {}
                b'\n' | b'\r' => self.end_line(),
                DROP_LINE => {
                    self.line.clear();
                    self.end_line();
                }
                END_OF_INPUT if self.line.is_empty() => self.end_line(),
                _ if self.line.len() <= KEPT => self.line.push(byte),
                _ => {}
            }
            self.after_return = byte == b'\r';
        }
    }

    fn end_line(&mut self) {
        if let Some(command) = command(&self.line) {
            self.commands += 1;
            self.last_command = Some(self.ended);
            self.waiting.push_back((self.ended, command));
        }
        self.line.clear();
        self.ended += 1;
    }
}

/// The start of the command on a line; `None` for a line without one.
fn command(line: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(line);
    let text = text.trim_start_matches('\u{feff}').trim();
    (!text.is_empty() && !text.starts_with('#')).then(|| match text.char_indices().nth(KEPT) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    })
}

/// What became of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Played {
    commands: u64,
    refused: u64,
    /// The first command that was not run
    not_run: Option<String>,
    /// Why the script failed, though the guest ended well
    failure: Option<&'static str>,
}

impl Played {
    pub(crate) fn of(lines: &Lines, prompts: &Prompts) -> Self {
        let (seen, refusals) = (prompts.seen(), prompts.refusals());
        let mut waiting = lines.waiting.iter().filter(|(line, _)| *line >= seen);
        let begun = command(&lines.line).filter(|_| lines.ended >= seen);
        let last_prompt = lines.last_command.map(|line| line + 1);
        let last_refused = last_prompt.is_some() && last_prompt == refusals.last;
        Self {
            commands: lines.commands - waiting.clone().count() as u64,
            refused: refusals.count,
            not_run: (waiting.next().map(|(_, command)| command.clone()))
                .or(begun)
                .or_else(|| lines.planned.front().cloned()),
            failure: match (lines.is_stopped, lines.is_complete && last_refused) {
                (true, _) => Some("the script was stopped at a refused command"),
                (false, true) => Some("the last command of the script was refused"),
                (false, false) => None,
            },
        }
    }

    /// The same for people, a line each.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let plural = if self.commands == 1 { "" } else { "s" };
        let refused = match self.refused {
            0 => None,
            1 => Some(format!(
                "1 of {} command{plural} was refused",
                self.commands
            )),
            many => Some(format!("{many} of {} commands were refused", self.commands)),
        };
        let not_run = self.not_run.as_ref();
        let not_run = not_run.map(|command| format!("not run: the script from `{command}` on"));
        refused.into_iter().chain(not_run).collect()
    }

    /// How the run ended, its script considered: only what ended well can fail for that.
    #[must_use]
    pub fn judge(&self, outcome: Outcome) -> Outcome {
        match (self.failure, outcome) {
            (Some(why), Outcome::Exit(0)) => Outcome::ScriptFailed(why),
            (_, outcome) => outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(pieces: &[&[u8]]) -> (u64, bool) {
        let mut lines = Lines::default();
        pieces.iter().for_each(|piece| lines.count(piece, 0));
        (lines.ended, lines.is_unfinished())
    }

    #[test]
    fn every_kind_of_line_end_ends_one_line() {
        assert_eq!(counted(&[b"a\nb\n"]), (2, false));
        assert_eq!(counted(&[b"a\rb\r"]), (2, false));
        assert_eq!(counted(&[b"a\r", b"\nb\r\n"]), (2, false));
        assert_eq!(counted(&[b"\r\r\n\n"]), (3, false));
    }

    #[test]
    fn what_follows_the_last_line_end_is_unfinished() {
        assert_eq!(counted(&[b"a\nb"]), (1, true));
        assert_eq!(counted(&[b"a\r\n", b"b"]), (1, true));
        assert_eq!(counted(&[]), (0, false));
    }

    #[test]
    fn ctrl_c_drops_the_line_and_brings_a_prompt() {
        assert_eq!(counted(&[b"ab\x03"]), (1, false));
    }

    /// What became of a script of which the guest has printed this.
    fn played(typed: &[u8], printed: &str) -> Played {
        let mut lines = Lines::default();
        lines.count(typed, 0);
        lines.is_complete = true;
        let prompts = Prompts::default();
        prompts.observe(printed.as_bytes());
        Played::of(&lines, &prompts)
    }

    #[test]
    fn refused_commands_are_counted_and_the_last_one_decides() {
        assert_eq!(played(b"", "> ").judge(Outcome::Exit(0)).status(), 0);
        let all = played(b"a\nb\n", "> a\r\nerror: no\r\n> b\r\nerror: no\r\n> ");
        assert_eq!(all.words(), ["2 of 2 commands were refused"]);
        assert_eq!(all.judge(Outcome::Exit(0)).status(), 1);
        assert_eq!(all.judge(Outcome::Exit(3)).status(), 3);
        assert_eq!(all.judge(Outcome::Panic).status(), 101);
        let one = played(b"a\n", "> a\r\nfault=1\r\nerror: no\r\n> ");
        assert_eq!(one.words(), ["1 of 1 command was refused"]);
        let first = played(
            b"a\n# b\nc\n\n",
            "> a\nerror: no\n> # b\n> c\nerrors=0\n> \n> ",
        );
        assert_eq!(first.words(), ["1 of 2 commands was refused"]);
        assert_eq!(first.judge(Outcome::Exit(0)).status(), 0);
        let before_blanks = played(b"a\n\n# b\n", "> a\nerror: no\n> \n> # b\n> ");
        assert_eq!(before_blanks.judge(Outcome::Exit(0)).status(), 1);
    }

    #[test]
    fn what_comes_after_the_end_is_said() {
        for (typed, printed) in [
            (&b"a\nexit 3\n# b\n\nc d\nd"[..], "> a\n> exit 3\n"),
            (b"a\n\x04c d\nd\n", "> a\n> \n"),
            (b"a\nexit\nc d", "> a\n> exit\n"),
        ] {
            let words = played(typed, printed).words();
            assert_eq!(words, ["not run: the script from `c d` on"]);
        }
        assert_eq!(
            played(b"a\nexit\n# b\n\n", "> a\n> exit\n").words(),
            [""; 0]
        );
        assert_eq!(played(b"a\n", "> a\n> ").words(), [""; 0]);
    }

    #[test]
    fn what_was_run_is_forgotten() {
        let mut lines = Lines::default();
        (1..1000).for_each(|prompts| lines.count(b"frames\n", prompts));
        assert!(lines.waiting.len() <= 2, "{}", lines.waiting.len());
        assert_eq!(lines.commands, 999);
    }
}
