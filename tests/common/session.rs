//! Scripted sessions with the monitor: what is typed, what is answered.
#![allow(dead_code, reason = "each kernel uses some of it")]

extern crate alloc;

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use kernel::monitor::Monitor;
use kernel::monitor::output::Output;
use kernel::spaces;
use x86_64::VirtAddr;

/// Text that takes no memory while it is written: the monitor must work when
/// there is none, and what it measures must not be disturbed.
pub struct Page {
    bytes: Box<[u8]>,
    length: usize,
}

impl Page {
    /// Room for so many bytes, all of them touched.
    pub fn new(size: usize) -> Self {
        let bytes = vec![b' '; size].into_boxed_slice();
        Self { bytes, length: 0 }
    }

    /// What was written since the last [`clear`](Self::clear).
    pub fn text(&self) -> &str {
        core::str::from_utf8(&self.bytes[..self.length]).expect("text is written whole")
    }

    /// Forgets what was written.
    pub fn clear(&mut self) {
        self.length = 0;
    }
}

impl fmt::Write for Page {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length + text.len();
        let place = self.bytes.get_mut(self.length..end);
        place
            .expect("a page is as long as a session")
            .copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

/// A session that is over.
pub struct Session {
    /// All that was printed.
    pub text: String,
    /// The status that the monitor ended with.
    pub status: u8,
    answers: Vec<String>,
}

impl Session {
    /// Types `bytes`, and then the end of the input, into a new monitor.
    pub fn of(bytes: &[u8]) -> Self {
        let mut page = Page::new(256 << 10);
        let mut typed = bytes.iter().copied().chain(core::iter::repeat(4));
        let mut source = || typed.next().expect("it never ends");
        spaces::make_rooms().expect("room on the heap");
        let status = Monitor::new().run(&mut source, &mut Output::new(&mut page));
        let text = page.text().to_owned();
        // The echo of each command stands behind the prompt; the answer follows.
        let answers = text.split("\n> ").map(|part| {
            let (_, answer) = part.split_once('\n').unwrap_or_default();
            answer.to_owned()
        });
        let answers = answers.collect();
        Self {
            text,
            status,
            answers,
        }
    }

    /// Types these commands, one a line.
    pub fn script(commands: &[&str]) -> Self {
        let session = Self::of((commands.join("\n") + "\n").as_bytes());
        assert!(session.answers.len() >= commands.len(), "{}", session.text);
        session
    }

    /// The answer to command number `index`, without its last line end.
    pub fn answer(&self, index: usize) -> &str {
        self.answers[index].trim_end_matches('\n')
    }

    /// The text of a field of an answer.
    pub fn field(&self, index: usize, name: &str) -> &str {
        let answer = self.answer(index);
        field(answer, name).unwrap_or_else(|| panic!("no {name}= in {answer:?}"))
    }

    /// The number in a field of an answer.
    pub fn number(&self, index: usize, name: &str) -> u64 {
        let text = self.field(index, name);
        let number = match text.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16),
            None => text.parse(),
        };
        number.unwrap_or_else(|_| panic!("{name}={text} is no number"))
    }

    /// `faults=` and `frames=` of an answer.
    pub fn cost(&self, index: usize) -> (u64, u64) {
        (self.number(index, "faults"), self.number(index, "frames"))
    }

    /// The error that is the whole answer.
    pub fn error(&self, index: usize) -> &str {
        let answer = self.answer(index);
        let error = answer
            .strip_prefix("error: ")
            .filter(|error| !error.contains('\n'));
        error.unwrap_or_else(|| panic!("no error, but {answer:?}"))
    }

    /// Asserts that command number `index` is answered with an error that says this.
    pub fn fails(&self, index: usize, why: &str) {
        let error = self.error(index);
        assert!(error.contains(why), "{error:?} does not say {why:?}");
    }
}

/// Frees what a test has left in the low half.
pub fn free_all() {
    spaces::current(|space, memory| {
        while let Some(region) = space.region_above(VirtAddr::zero()) {
            space
                .free(region.base, memory)
                .expect("it is no fixed region");
        }
    });
}

/// The text of the first field of this name.
pub fn field<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    answer
        .split_ascii_whitespace()
        .filter_map(|word| word.split_once('='))
        .find_map(|(key, value)| (key == name).then_some(value))
}
