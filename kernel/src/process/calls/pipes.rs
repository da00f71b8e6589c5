//! Pipes: made, read and written.
//!
//! A read gets what there is, and a write puts everything in, part by part if it is
//! much: whoever cannot go on makes the call again (`again`).

use super::super::open_file::{File, OpenFile, OpenFlags};
use super::super::pipe::{self, Reader, TOGETHER, Writer};
use super::super::{Process, user};
use super::Errno;
use super::buffers::{Range, each, in_chunks, went};
use crate::cpu::access::{read_program, write_program};

/// `pipe(descriptors)`
pub(super) fn pipe(process: &mut Process) -> Result<u64, Errno> {
    let [descriptors, ..] = process.arguments();
    make(process, descriptors, OpenFlags::empty())
}

/// `pipe2(descriptors, flags)`: the end that is read, then the one that is written.
pub(super) fn pipe2(process: &mut Process) -> Result<u64, Errno> {
    let [descriptors, flags, ..] = process.arguments();
    let flags = OpenFlags::from_bits_retain(flags as u32);
    let known = OpenFlags::CLOSE_ON_EXEC | OpenFlags::NON_BLOCKING;
    if !known.contains(flags) {
        return Err(Errno::INVALID);
    }
    make(process, descriptors, flags)
}

fn make(process: &mut Process, place: u64, flags: OpenFlags) -> Result<u64, Errno> {
    let (reader, writer) = pipe::new().map_err(|_| Errno::NO_MEMORY)?;
    let close = flags.contains(OpenFlags::CLOSE_ON_EXEC);
    let flags = flags.difference(OpenFlags::ONCE);
    let descriptors = &mut process.descriptors;
    let read = descriptors.open(OpenFile::new(File::Reader(reader), flags), close)?;
    let writer = OpenFile::new(File::Writer(writer), flags | OpenFlags::WRITE_ONLY);
    let result = match descriptors.open(writer, close) {
        Ok(written) => {
            let numbers = [read as u32, written as u32];
            let told = user::write_value(place, &numbers).map_err(Errno::from);
            told.or_else(|error| descriptors.close(written).and(Err(error)))
        }
        Err(error) => Err(error),
    };
    result.or_else(|error| descriptors.close(read).and(Err(error)))?;
    Ok(0)
}

/// Reads what there is, if that is something, or the end.
///
/// # Errors
///
/// EAGAIN: there is nothing yet.
pub(super) fn read(reader: &Reader, ranges: &[Range]) -> Result<u64, Errno> {
    let wanted: u64 = ranges.iter().map(|range| range.count).sum();
    if wanted > 0 && reader.is_empty() && reader.is_written() {
        return Err(Errno::TRY_AGAIN);
    }
    each(ranges, |range| {
        in_chunks(range, |_, address, chunk| {
            let count = reader.peek(chunk);
            let count = went(write_program(address, &chunk[..count]), count)?;
            reader.consume(count);
            Ok(count)
        })
    })
}

/// How much of a write is in the pipe.
pub(super) enum Put {
    /// All of it, so many bytes, or as many as the program may read.
    All(u64),
    /// So many bytes, after which the pipe is full.
    Part(u64),
}

/// Writes what comes behind the first `before` bytes, as far as there is room: bytes
/// that go in together only if there is room for all.
///
/// # Errors
///
/// EPIPE: nobody reads; EFAULT.
pub(super) fn write(writer: &Writer, ranges: &[Range], before: u64) -> Result<Put, Errno> {
    let all: u64 = ranges.iter().map(|range| range.count).sum();
    if all > 0 && !writer.is_read() {
        return Err(Errno::NO_READER);
    }
    if all <= TOGETHER as u64 && writer.room() < all as usize {
        return Ok(Put::Part(0));
    }
    let mut skipped = before;
    let put = each(ranges, |range| {
        let skip = skipped.min(range.count);
        skipped -= skip;
        let rest = Range {
            address: range.address + skip,
            count: range.count - skip,
        };
        let put = in_chunks(rest, |_, address, chunk| {
            let room = chunk.len().min(writer.room());
            let chunk = &mut chunk[..room];
            let there = went(read_program(address, chunk), room)?;
            writer.put(&chunk[..there]);
            Ok(there)
        })?;
        Ok(skip + put)
    });
    let put = match put {
        Err(_) if before > 0 => before,
        other => other?,
    };
    // `each` counts what was skipped, too.
    if put < all && writer.room() == 0 {
        Ok(Put::Part(put))
    } else {
        Ok(Put::All(put))
    }
}
