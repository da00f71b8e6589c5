//! Where the guest's prompt stands in what it prints.
//!
//! The prompt is `> ` at the start of a line. Escape sequences have no width,
//! and a carriage return alone starts no line, so a line that is drawn anew
//! while somebody types is no second prompt. The serial reader lets every byte
//! pass by here; whoever types waits here for the guest to listen.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::program::{End, TELLING};

/// How long a guest at its prompt may say nothing before it counts as done with all that was typed.
const SILENCE: Duration = Duration::from_secs(5);

/// QEMU is gone: no prompt will come any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone;

/// The prompts that the guest has printed so far.
#[derive(Debug, Default)]
pub struct Prompts {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    place: Place,
    escape: Escape,
    seen: u64,
    /// How many bytes of [`ERROR`] the line begins with, if it has no others
    matched: Option<usize>,
    refusals: Refusals,
    /// The first bytes of the line
    start: Vec<u8>,
    program_end: Option<End>,
    last_output: Option<Instant>,
    closed: bool,
}

/// What an answer begins with when a command was refused.
const ERROR: &[u8] = b"error: ";

/// The commands that were refused so far.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusals {
    pub(crate) count: u64,
    /// The number of the prompt that the last of them was typed at, from 1
    pub(crate) last: Option<u64>,
}

/// Where the next character would be printed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Place {
    #[default]
    LineStart,
    /// After the prompt's first character
    Mark,
    /// Right after a prompt: the guest listens
    Prompt,
    Within,
}

/// Within an escape sequence (ECMA-48, 5.4), or not.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Escape {
    #[default]
    Outside,
    Begun,
    Sequence,
}

impl Prompts {
    /// Takes note of what the guest printed.
    pub fn observe(&self, bytes: &[u8]) {
        let mut state = self.lock();
        bytes.iter().for_each(|&byte| state.pass(byte));
        state.last_output = Some(Instant::now());
        self.changed.notify_all();
    }

    /// Nothing more will be printed.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// How many prompts there were.
    #[must_use]
    pub fn seen(&self) -> u64 {
        self.lock().seen
    }

    /// The commands that were refused.
    pub(crate) fn refusals(&self) -> Refusals {
        self.lock().refusals
    }

    /// How the last program that the guest ran ended.
    pub(crate) fn program_end(&self) -> Option<End> {
        self.lock().program_end
    }

    /// Waits until the guest is at its prompt, which is at least the `count`th.
    ///
    /// A guest that stays silent at an earlier one for 5 seconds was typed more line ends than it
    /// saw, and is done as well.
    ///
    /// # Errors
    /// QEMU ended before.
    pub fn wait_for(&self, count: u64) -> Result<(), Gone> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return Err(Gone);
            }
            if state.place != Place::Prompt {
                state = self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let silent = state.last_output.map_or(Duration::ZERO, |at| at.elapsed());
            if state.seen >= count || silent >= SILENCE {
                return Ok(());
            }
            (state, _) = self
                .changed
                .wait_timeout(state, SILENCE - silent)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn pass(&mut self, byte: u8) {
        match (self.escape, byte) {
            (Escape::Begun, b'[') => self.escape = Escape::Sequence,
            (Escape::Begun, _) | (Escape::Sequence, 0x40..=0x7e) => self.escape = Escape::Outside,
            (Escape::Sequence, _) => {}
            (Escape::Outside, 0x1b) => self.escape = Escape::Begun,
            (Escape::Outside, _) => {
                self.look_for_error(byte);
                self.look_for_end(byte);
                self.place = self.place_after(byte);
            }
        }
    }

    fn look_for_error(&mut self, byte: u8) {
        let matched = match (self.place, self.matched) {
            (Place::LineStart, _) => 0,
            (_, Some(matched)) => matched,
            (_, None) => return,
        };
        self.matched = (ERROR.get(matched) == Some(&byte)).then_some(matched + 1);
        let at = Some(self.seen).filter(|seen| *seen > 0);
        if self.matched == Some(ERROR.len()) && self.refusals.last < at {
            self.refusals.count += 1;
            self.refusals.last = at;
        }
    }

    fn look_for_end(&mut self, byte: u8) {
        match byte {
            b'\n' => {
                self.program_end = End::of_line(&self.start).or(self.program_end);
                self.start.clear();
            }
            _ if self.start.len() < TELLING => self.start.push(byte),
            _ => {}
        }
    }

    fn place_after(&mut self, byte: u8) -> Place {
        match (self.place, byte) {
            (_, b'\n') | (Place::LineStart, b'\r') => Place::LineStart,
            (Place::LineStart, b'>') => Place::Mark,
            (Place::Mark, b' ') => {
                self.seen += 1;
                Place::Prompt
            }
            _ => Place::Within,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;

    /// How many prompts there are in `text`, and whether it ends at one.
    fn prompts(text: &str) -> (u64, bool) {
        let whole = Prompts::default();
        whole.observe(text.as_bytes());
        let bytewise = Prompts::default();
        text.bytes().for_each(|byte| bytewise.observe(&[byte]));
        let found = |prompts: &Prompts| (prompts.seen(), prompts.lock().place == Place::Prompt);
        assert_eq!(found(&whole), found(&bytewise), "{text:?}");
        found(&whole)
    }

    #[test]
    fn a_prompt_stands_at_the_start_of_a_line_only() {
        assert_eq!(prompts("> "), (1, true));
        assert_eq!(prompts("[ 1.2 info ] heap\r\n> "), (1, true));
        assert_eq!(prompts("a > b\r\n  > c\r\n>d"), (0, false));
        assert_eq!(prompts("\n>"), (0, false));
        assert_eq!(prompts("\n> frames\r\ntotal=1\r\n> "), (2, true));
    }

    #[test]
    fn a_line_that_is_drawn_anew_is_no_second_prompt() {
        assert_eq!(prompts("\n> fr\r> frames"), (1, false));
        assert_eq!(prompts("\n> \r\x1b[K> f"), (1, false));
    }

    #[test]
    fn the_last_word_on_a_program_counts() {
        let end = |text: &str| {
            let prompts = Prompts::default();
            prompts.observe(text.as_bytes());
            prompts.program_end()
        };
        assert_eq!(end("> run a\r\nhello\r\n> "), None);
        let forged = "> run a\r\nexited=1\r\nno exited=2\r\nkilled=11 reason=guard\r\n> ";
        assert_eq!(end(forged), Some(End::Killed(11)));
        assert_eq!(end("\x1b[0mexited=300\nexited=30"), None);
    }

    #[test]
    fn escape_sequences_have_no_width() {
        assert_eq!(prompts("\n\x1b[1;32m> \x1b[0m"), (1, true));
        assert_eq!(prompts("\n\x1b[31m>\x1b[0m \x1b[K"), (1, true));
    }

    #[test]
    fn who_types_waits_for_its_prompt_and_not_for_an_earlier_one() {
        let prompts = Arc::new(Prompts::default());
        prompts.observe(b"> ");
        let waiting = Arc::clone(&prompts);
        let typist = thread::spawn(move || {
            waiting.wait_for(3).unwrap();
            waiting.seen()
        });
        for text in ["a\r\n", "> ", "b\r\n", "> "] {
            thread::sleep(Duration::from_millis(20));
            prompts.observe(text.as_bytes());
        }
        assert_eq!(typist.join().unwrap(), 3);
    }

    #[test]
    fn a_guest_that_is_silent_at_an_earlier_prompt_is_done() {
        let prompts = Prompts::default();
        let started = Instant::now();
        prompts.observe(b"> ");
        assert_eq!(prompts.wait_for(2), Ok(()));
        assert!(started.elapsed() >= SILENCE);
    }

    #[test]
    fn the_end_of_qemu_ends_every_wait() {
        let prompts = Prompts::default();
        prompts.close();
        assert_eq!(prompts.wait_for(1), Err(Gone));
    }
}
