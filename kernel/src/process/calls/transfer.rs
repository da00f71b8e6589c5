//! Bytes between open files and a program's memory: `read`, `write` and their kin.
//!
//! As on Linux, a call looks at its descriptor before the addresses that it is given.

use core::mem;
use core::num::NonZero;

use super::super::open_file::{File, LAST_POSITION, OpenFile, OpenFlags};
use super::super::{Ending, Process, Processes, Signal, State};
use super::Errno;
use super::again::{Again, again};
use super::buffers::{Range, each, in_chunks, went};
use super::pipes::{self, Put};
use crate::console;
use crate::cpu::access::{read_program, write_program};

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    /// From the file to the program.
    Read,
    /// From the program to the file.
    Write,
}

/// `read(descriptor, bytes, count)`
#[inline(never)]
pub(super) fn read(process: &mut Process, others: &mut Processes) -> Result<u64, Errno> {
    let [descriptor, address, count, ..] = process.arguments();
    opened(process, descriptor, Direction::Read)?;
    let range = Range::new(address, count)?;
    read_ranges(process, others, descriptor, &[range])
}

/// Reads from where the file stands, or as soon as there is something.
fn read_ranges(
    process: &mut Process,
    others: &mut Processes,
    descriptor: u64,
    ranges: &[Range],
) -> Result<u64, Errno> {
    let file = opened(process, descriptor, Direction::Read)?;
    let waits = !file.flags().contains(OpenFlags::NON_BLOCKING);
    let read = match file.file() {
        File::Console => read_console(others, ranges),
        File::Reader(reader) => pipes::read(reader, ranges),
        File::Entry(_) | File::SharedMemory(_) | File::Writer(_) => {
            at_position(file, ranges, Direction::Read)
        }
    };
    match read {
        Err(Errno::TRY_AGAIN) if waits => Ok(again(process, others)),
        other => other,
    }
}

/// `write(descriptor, bytes, count)`
#[inline(never)]
pub(super) fn write(process: &mut Process, others: &Processes) -> Result<u64, Errno> {
    let [descriptor, address, count, ..] = process.arguments();
    opened(process, descriptor, Direction::Write)?;
    let range = Range::new(address, count)?;
    write_ranges(process, others, descriptor, &[range])
}

/// Writes to where the file stands, or as soon as there is room.
fn write_ranges(
    process: &mut Process,
    others: &Processes,
    descriptor: u64,
    ranges: &[Range],
) -> Result<u64, Errno> {
    let Again(before) = mem::take(&mut process.again);
    let before = before.map_or(0, |bytes| bytes.get().into());
    let file = opened(process, descriptor, Direction::Write)?;
    let File::Writer(writer) = file.file() else {
        return at_position(file, ranges, Direction::Write);
    };
    let waits = !file.flags().contains(OpenFlags::NON_BLOCKING);
    match pipes::write(writer, ranges, before) {
        Ok(Put::All(done)) => Ok(done),
        Ok(Put::Part(done)) if waits => {
            // One call moves fewer than 2 GiB.
            process.again = Again(NonZero::new(done as u32));
            Ok(again(process, others))
        }
        Ok(Put::Part(0)) => Err(Errno::TRY_AGAIN),
        Ok(Put::Part(done)) => Ok(done),
        Err(error) => {
            if error == Errno::NO_READER {
                process.state = State::Ended(Ending::Signalled(Signal::PIPE));
            }
            Err(error)
        }
    }
}

/// `readv(descriptor, ranges, count)`
#[inline(never)]
pub(super) fn readv(process: &mut Process, others: &mut Processes) -> Result<u64, Errno> {
    let [descriptor, list, count, ..] = process.arguments();
    process.descriptors.get(descriptor)?;
    let ranges = Range::several(list, count)?;
    read_ranges(process, others, descriptor, &ranges)
}

/// `writev(descriptor, ranges, count)`
#[inline(never)]
pub(super) fn writev(process: &mut Process, others: &Processes) -> Result<u64, Errno> {
    let [descriptor, list, count, ..] = process.arguments();
    process.descriptors.get(descriptor)?;
    let ranges = Range::several(list, count)?;
    write_ranges(process, others, descriptor, &ranges)
}

/// `pread64(descriptor, bytes, count, position)`: the file's own position stays.
#[inline(never)]
pub(super) fn pread(process: &Process) -> Result<u64, Errno> {
    elsewhere(process, Direction::Read)
}

/// `pwrite64(descriptor, bytes, count, position)`: the file's own position stays.
#[inline(never)]
pub(super) fn pwrite(process: &Process) -> Result<u64, Errno> {
    elsewhere(process, Direction::Write)
}

fn elsewhere(process: &Process, direction: Direction) -> Result<u64, Errno> {
    let [descriptor, address, count, position, ..] = process.arguments();
    if position > LAST_POSITION {
        return Err(Errno::INVALID);
    }
    let file = process.descriptors.get(descriptor)?;
    if !file.has_position() {
        return Err(Errno::NO_POSITION);
    }
    let file = opened(process, descriptor, direction)?;
    let range = Range::new(address, count)?;
    transfer(file, position, &[range], direction)
}

/// The open file of a descriptor, if bytes may go this way.
fn opened(process: &Process, descriptor: u64, direction: Direction) -> Result<&OpenFile, Errno> {
    let file = process.descriptors.get(descriptor)?;
    let flags = file.flags();
    let may = match direction {
        Direction::Read => flags.can_read(),
        Direction::Write => flags.can_write(),
    };
    if may { Ok(file) } else { Err(Errno::BAD_FILE) }
}

/// Transfers bytes where the file stands, and moves it.
fn at_position(file: &OpenFile, ranges: &[Range], direction: Direction) -> Result<u64, Errno> {
    if let File::Console = file.file() {
        return each(ranges, write_console);
    }
    let appends = direction == Direction::Write && file.flags().contains(OpenFlags::APPEND);
    let position = if appends {
        file.size()
    } else {
        file.position()
    };
    let done = transfer(file, position, ranges, direction)?;
    file.seek(position + done)?;
    Ok(done)
}

/// Transfers bytes from a position of a file on.
fn transfer(
    file: &OpenFile,
    position: u64,
    ranges: &[Range],
    direction: Direction,
) -> Result<u64, Errno> {
    let all = ranges.iter().map(|range| range.count).sum();
    if position.saturating_add(all) > LAST_POSITION {
        return Err(Errno::INVALID);
    }
    let mut position = position;
    each(ranges, |range| {
        let result = match direction {
            Direction::Read => read_range(file, position, range),
            Direction::Write => write_range(file, position, range),
        };
        position += result.unwrap_or(0);
        result
    })
}

fn read_range(file: &OpenFile, position: u64, range: Range) -> Result<u64, Errno> {
    in_chunks(range, |done, address, chunk| {
        let count = file.read_at(position.saturating_add(done), chunk)?;
        went(write_program(address, &chunk[..count]), count)
    })
}

fn write_range(file: &OpenFile, position: u64, range: Range) -> Result<u64, Errno> {
    in_chunks(range, |done, address, chunk| {
        let there = went(read_program(address, chunk), chunk.len())?;
        file.write_at(position.saturating_add(done), &chunk[..there])
    })
}

fn write_console(range: Range) -> Result<u64, Errno> {
    in_chunks(range, |_, address, chunk| {
        let there = went(read_program(address, chunk), chunk.len())?;
        console::print_bytes(&chunk[..there]);
        Ok(there)
    })
}

/// Reads what was typed; EAGAIN if that is nothing yet.
fn read_console(others: &mut Processes, ranges: &[Range]) -> Result<u64, Errno> {
    if ranges.iter().all(|range| range.count == 0) {
        return Ok(0);
    }
    if !others.terminal.gather() {
        return Err(Errno::TRY_AGAIN);
    }
    let line = others.terminal.line.rest();
    let mut read = 0;
    let result = each(ranges, |range| {
        let part = &line[read..];
        let part = &part[..part.len().min(range.count as usize)];
        let count = went(write_program(range.address, part), part.len())?;
        read += count;
        Ok(count as u64)
    });
    // What could not be stored is read by the next call.
    if result.is_ok() {
        others.terminal.line.consume(read);
    }
    result
}
