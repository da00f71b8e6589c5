//! `files`: what the archive of files holds.

use archive::{Entry, Kind};
use heapless::String;
use line::LONGEST;

use super::Monitor;
use super::arguments::{Arguments, add_meant};
use super::error::Error;
use super::output::{Output, Word};
use crate::console::input;
use crate::files::{self, Contents, cache};

/// The folder where a file is looked for that is named without one.
const PROGRAMS: &str = "bin/";

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
            Kind::File(place) => {
                count += 1;
                bytes += place.size;
                let size = place.size;
                let pages = cache::pages_of(place);
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

/// The file of this name in the archive, or the program.
pub(super) fn find<'a>(word: &'a str) -> Result<(Entry<'static>, Contents), Error<'a>> {
    let archive = files::archive()?;
    let mut program = String::<{ PROGRAMS.len() + LONGEST }>::new();
    // There is room for both.
    let _ = program.push_str(PROGRAMS);
    add_meant(word, &mut program);
    let names = [&program[PROGRAMS.len()..], &program];
    let mut files = names.into_iter().filter_map(|name| {
        let entry = archive.find(name)?;
        match entry.kind {
            Kind::File(place) => Some((entry, place.into())),
            Kind::Folder | Kind::Link(_) => None,
        }
    });
    files.next().ok_or(Error::NoFile(word))
}
