//! `object`, `objects`, `attach`: pages that several regions map, in one space or in
//! several: shared memory, and files of the archive.
//!
//! An object has one number for as long as it lives, whoever made it, and no other
//! gets it later. Those that were made here are held here, those of files by the page
//! cache. What must always hold: no shared mapping of a file may be written through.

use archive::{Archive, Kind};
use heapless::Vec;
use line::number;
use memory::object::{Object, ObjectId, ObjectKind, ObjectStatus, Sharing};
use memory::space::{Backing, Request, Rights};

use super::Monitor;
use super::arguments::{self, Arguments};
use super::error::Error;
use super::output::{Output, Word};
use super::regions::{allocate, rights_of};
use super::span::PAGE;
use crate::console::input;
use crate::files::{self, Contents, cache};
use crate::spaces;

/// The most objects that may be made here.
pub(super) const MOST_OBJECTS: usize = 32;

/// What `object` takes.
const WANTED: &str = "<size | free n>";

/// Those that were made here.
pub(super) struct Objects(Vec<Object, MOST_OBJECTS>);

impl Objects {
    /// None.
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Makes one of so many pages.
    fn make<'a>(&mut self, pages: u64) -> Result<ObjectId, Error<'a>> {
        if self.0.is_full() {
            return Err(Error::TooManyObjects(MOST_OBJECTS));
        }
        let object = spaces::memory().create_object(ObjectKind::SharedMemory, pages)?;
        let id = object.id();
        // There is room.
        let _ = self.0.push(object);
        Ok(id)
    }

    /// Gives one back that no region maps. Returns how many pages it held.
    fn free<'a>(&mut self, number: u64) -> Result<u64, Error<'a>> {
        let (id, status) = find(number)?;
        let made = self.0.iter().position(|object| object.id() == id);
        let index = made.ok_or(Error::ForeignObject(number))?;
        if status.regions > 0 {
            return Err(Error::MappedObject(number, status.regions));
        }
        let held = spaces::memory().pages_held(id);
        spaces::memory().release_object(self.0.swap_remove(index));
        Ok(held)
    }
}

impl Drop for Objects {
    /// Gives all of them back; one that is mapped goes with its last region.
    fn drop(&mut self) {
        while let Some(object) = self.0.pop() {
            spaces::memory().release_object(object);
        }
    }
}

/// The object of this number.
fn find<'a>(number: u64) -> Result<(ObjectId, ObjectStatus), Error<'a>> {
    let found = spaces::memory().object_from(number);
    let found = found.filter(|(id, _)| id.number() == number);
    found.ok_or(Error::NoObject(number))
}

/// `object <size>`, `object free <n>`
pub(super) fn object<'a>(
    monitor: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    match arguments.word(WANTED)? {
        "free" => {
            let number = arguments.number("<n>")?;
            arguments.end()?;
            let frames = monitor.objects.free(number)?;
            writeln!(out, "freed={number} frames={frames}");
        }
        word => {
            let size = arguments::read(WANTED, word, number::size)?;
            arguments.end()?;
            if size == 0 {
                return Err(Error::OutOfRange("<size>", 0, 1, u64::MAX));
            }
            let pages = size.div_ceil(PAGE);
            let id = monitor.objects.make(pages)?;
            writeln!(out, "object={} pages={pages}", id.number());
        }
    }
    Ok(())
}

/// `objects`
pub(super) fn objects<'a>(
    _: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    arguments.end()?;
    let memory = spaces::memory();
    let archive = files::archive()?;
    let (mut count, mut next) = (0, 0);
    while let Some((id, status)) = memory.object_from(next) {
        input::check()?;
        next = id.number() + 1;
        count += 1;
        let facts = format_args!(
            "object={} pages={} held={} mappings={}",
            id.number(),
            status.pages,
            memory.pages_held(id),
            status.regions
        );
        match file_of(id, archive) {
            Some(name) => out.facts(format_args!("{facts} file={}", Word(name))),
            None => out.facts(facts),
        }
    }
    writeln!(out, "objects={count}");
    Ok(())
}

/// The name of the file that this is the object of, or of a part that begins where
/// the file does.
fn file_of(object: ObjectId, archive: &Archive<'static>) -> Option<&'static str> {
    let cached = cache::contents_of(object)?;
    let mut entries = archive.entries();
    let file = entries.find(|entry| match entry.kind {
        Kind::File(place) => cached.is_part_of(place.into()),
        Kind::Folder | Kind::Link(_) => false,
    });
    file.map(|entry| entry.name)
}

/// What is attached.
enum Source {
    Object(ObjectId, ObjectStatus),
    File(&'static str, Contents),
}

impl Source {
    /// An object by its number, or a file by its name.
    fn of(word: &str) -> Result<Self, Error<'_>> {
        if let Ok(number) = number::number(word) {
            let (id, status) = find(number)?;
            return Ok(Self::Object(id, status));
        }
        let (entry, contents) = super::files::find(word)?;
        Ok(Self::File(entry.name, contents))
    }

    fn pages(&self) -> u64 {
        match self {
            Self::Object(_, status) => status.pages,
            Self::File(_, contents) => contents.pages(),
        }
    }

    fn is_file(&self) -> bool {
        match self {
            Self::Object(_, status) => status.kind == ObjectKind::File,
            Self::File(..) => true,
        }
    }

    /// What a region of it is called.
    fn label(&self) -> &'static str {
        match self {
            Self::Object(..) => "",
            Self::File(name, _) => name,
        }
    }

    fn id<'a>(&self) -> Result<ObjectId, Error<'a>> {
        match self {
            Self::Object(id, _) => Ok(*id),
            Self::File(_, contents) => Ok(cache::object_of(*contents)?),
        }
    }
}

/// `attach <object|file> [private] [rights=r|rw|rx] [offset=N] [size=N]`
pub(super) fn attach<'a>(
    monitor: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    let word = arguments.word("<object|file>")?;
    // Of each kind of option the word that was the first.
    let (mut private, mut rights, mut offset, mut size) = (None, None, None, None);
    let (mut wanted_rights, mut from, mut length) = (None, 0, None);
    while let Some(word) = arguments.optional() {
        let first = match word.split_once('=') {
            None if word == "private" => &mut private,
            Some(("rights", value)) => {
                wanted_rights = Some(rights_of(value)?);
                &mut rights
            }
            Some(("offset", value)) => {
                from = arguments::read("offset=", value, number::size)?;
                &mut offset
            }
            Some(("size", value)) => {
                length = Some(arguments::read("size=", value, number::size)?);
                &mut size
            }
            _ => return Err(arguments.surplus(word)),
        };
        if let Some(first) = first.replace(word) {
            return Err(Error::Twice(first, word));
        }
    }
    let source = Source::of(word)?;
    let is_read_only = source.is_file() && private.is_none();
    let rights = wanted_rights.unwrap_or(if is_read_only {
        Rights::Read
    } else {
        Rights::ReadWrite
    });
    if is_read_only && rights == Rights::ReadWrite {
        return Err(Error::ReadOnlyFile(word));
    }
    if !from.is_multiple_of(PAGE) || from / PAGE >= source.pages() {
        return Err(Error::Offset(from, source.pages()));
    }
    let offset_in_pages = from / PAGE;
    let rest = (source.pages() - offset_in_pages) * PAGE;
    let backing = Backing::Object {
        object: source.id()?,
        offset_in_pages,
        sharing: match private {
            Some(_) => Sharing::Private,
            None => Sharing::Shared,
        },
    };
    let request = Request::new(length.unwrap_or(rest), backing);
    allocate(monitor, request.rights(rights).label(source.label()), out)
}
