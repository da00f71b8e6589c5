//! `run` and `ps`: programs in ring 3.

use archive::{Entry, Kind};
use heapless::{String, Vec};
use line::LONGEST;

use super::Monitor;
use super::arguments::Arguments;
use super::error::Error;
use super::output::Output;
use crate::files;
use crate::process::load::load;
use crate::process::{Ending, KERNEL};
use crate::spaces;

/// The folder where programs are looked for that are named without one.
const PROGRAMS: &str = "bin/";

/// Words of a line.
const MOST_WORDS: usize = LONGEST / 2;

/// `run <file> [argument...]`
pub(super) fn run<'a>(
    monitor: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    let word = arguments.word("<file>")?;
    let (entry, contents) = find(word)?;
    let mut words = Vec::<&[u8], MOST_WORDS>::new();
    let typed = core::iter::once(word).chain(core::iter::from_fn(|| arguments.optional()));
    words.extend(typed.map(str::as_bytes));
    let loaded = load(contents, entry.name.as_bytes(), &words, &[]);
    let loaded = loaded.map_err(|error| Error::Load(entry.name, error))?;
    let spawned = monitor
        .processes
        .spawn(KERNEL, loaded.space, loaded.context);
    let id = spawned.map_err(|(error, space)| {
        spaces::destroy(space);
        error
    })?;
    match monitor.processes.run(id) {
        Some(Ending::Exited(status)) => writeln!(out, "exited={status}"),
        Some(other) => writeln!(out, "killed=11 {other}"),
        None => {}
    }
    Ok(())
}

/// The file of this name, or the program.
fn find<'a>(word: &'a str) -> Result<(Entry<'static>, &'static [u8]), Error<'a>> {
    let archive = files::archive()?;
    let mut path = String::<LONGEST>::new();
    let in_folder = path.push_str(PROGRAMS).and_then(|()| path.push_str(word));
    let in_folder = in_folder.ok().and_then(|()| archive.find(&path));
    match archive
        .find(word)
        .into_iter()
        .chain(in_folder)
        .find_map(|entry| match entry.kind {
            Kind::File(contents) => Some((entry, contents)),
            Kind::Folder | Kind::Link(_) => None,
        }) {
        Some(found) => Ok(found),
        None => Err(Error::NoFile(word)),
    }
}

/// `ps`
pub(super) fn ps<'a>(
    monitor: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    arguments.end()?;
    for process in monitor.processes.iter() {
        writeln!(out, "process={} parent={}", process.id, process.parent);
    }
    Ok(())
}
