//! `files`: what the archive of files holds.

use core::fmt;

use archive::Kind;

use super::Monitor;
use super::arguments::Arguments;
use super::error::Error;
use super::output::Output;
use crate::console::input;
use crate::files;

/// `files`
pub(super) fn files<'a>(
    _: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    arguments.end()?;
    let (mut count, mut bytes) = (0_usize, 0);
    for entry in files::archive()?.entries() {
        input::check()?;
        let (name, mode) = (Word(entry.name), entry.mode);
        match entry.kind {
            Kind::File(contents) => {
                count += 1;
                bytes += contents.len();
                let size = contents.len();
                out.facts(format_args!("file={name} size={size} mode={mode:o}"));
            }
            Kind::Folder => out.facts(format_args!("folder={name} mode={mode:o}")),
            Kind::Link(target) => out.facts(format_args!("link={name} to={}", Word(target))),
        }
    }
    writeln!(out, "files={count} bytes={bytes}");
    Ok(())
}

/// A name as the value of a field: in quotes if it would not be one word.
struct Word<'a>(&'a str);

impl fmt::Display for Word<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.contains([' ', '"']) {
            true => write!(f, "{:?}", self.0),
            false => f.write_str(self.0),
        }
    }
}
