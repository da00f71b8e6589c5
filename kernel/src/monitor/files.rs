//! `files`: what the archive of files holds.

use archive::Kind;

use super::Monitor;
use super::arguments::Arguments;
use super::error::Error;
use super::output::{Output, Word};
use crate::console::input;
use crate::files::{self, cache};

/// `files`
pub(super) fn files<'a>(
    _: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    arguments.end()?;
    let (mut count, mut bytes, mut cached) = (0_usize, 0, 0);
    for entry in files::archive()?.entries() {
        input::check()?;
        let (name, mode) = (Word(entry.name), entry.mode);
        match entry.kind {
            Kind::File(contents) => {
                count += 1;
                bytes += contents.len();
                let size = contents.len();
                let pages = cache::pages_of(contents);
                cached += pages;
                out.facts(format_args!(
                    "file={name} size={size} mode={mode:o} cached={pages}"
                ));
            }
            Kind::Folder => out.facts(format_args!("folder={name} mode={mode:o}")),
            Kind::Link(target) => out.facts(format_args!("link={name} to={}", Word(target))),
        }
    }
    writeln!(out, "files={count} bytes={bytes} cached={cached}");
    Ok(())
}
