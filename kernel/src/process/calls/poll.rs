//! `poll`: which of several open files can be read or written.

use core::mem;
use core::num::NonZero;

use super::super::open_file::File;
use super::super::pipe::{Reader, TOGETHER, Writer};
use super::super::{Process, Processes, user};
use super::Errno;
use super::again::{Again, again};
use crate::cpu::tsc;
use crate::interrupts::pit;

/// What is asked for, and answered (Linux: include/uapi/asm-generic/poll.h): there is
/// something to read, there is room to write, nobody reads, nobody writes any more, the
/// descriptor is none.
const READ: u16 = 0x001 | 0x040;
const WRITE: u16 = 0x004 | 0x100;
const ERROR: u16 = 0x008;
const HUNG_UP: u16 = 0x010;
const INVALID: u16 = 0x020;

/// Bytes of one question: a descriptor, what is asked for, and the answer.
const BYTES: u64 = 8;

/// Descriptors that one call asks for, at most: as many as there may be.
const MOST: u64 = super::super::descriptors::MOST as u64;

/// `poll(questions, count, milliseconds)`: returns for how many the answer is not 0.
/// A file is always ready, the console when somebody has typed.
#[inline(never)]
pub(super) fn poll(process: &mut Process, others: &mut Processes) -> Result<u64, Errno> {
    let [questions, count, milliseconds, ..] = process.arguments();
    if count > MOST {
        return Err(Errno::INVALID);
    }
    let Again(since) = mem::take(&mut process.again);
    let per_millisecond = (pit::tsc_frequency() / 1000).max(1);
    // Of 49 days, which is longer than anybody can wait here.
    let now = (tsc::now() / per_millisecond) as u32;
    let start = since.or(NonZero::new(now)).unwrap_or(NonZero::<u32>::MIN);
    let ready = ask(process, others, questions, count)?;
    let is_over = || {
        let milliseconds = milliseconds as u32;
        milliseconds.cast_signed() >= 0 && now.wrapping_sub(start.get()) >= milliseconds
    };
    if ready > 0 || is_over() {
        return Ok(ready);
    }
    process.again = Again(Some(start));
    Ok(again(process, others))
}

/// What can be said of the end of a pipe that is read.
fn reader_is(reader: &Reader) -> u16 {
    let bytes = if reader.is_empty() { 0 } else { READ };
    let end = if reader.is_written() { 0 } else { HUNG_UP };
    bytes | end
}

/// What can be said of the end of a pipe that is written.
fn writer_is(writer: &Writer) -> u16 {
    let room = if writer.room() < TOGETHER { 0 } else { WRITE };
    let end = if writer.is_read() { 0 } else { ERROR };
    room | end
}

/// Answers all questions; returns for how many the answer is not 0.
fn ask(
    process: &Process,
    others: &mut Processes,
    questions: u64,
    count: u64,
) -> Result<u64, Errno> {
    let mut ready = 0;
    for index in 0..count {
        let place = questions.checked_add(index * BYTES);
        let place = place.ok_or(Errno::BAD_ADDRESS)?;
        let descriptor = user::read_value::<i32>(place)?;
        let asked = user::read_value::<u16>(place + 4)?;
        let answer = match process.descriptors.get(descriptor as u64) {
            _ if descriptor < 0 => 0,
            Err(_) => INVALID,
            Ok(file) => match file.file() {
                File::Console if !others.terminal.gather() => asked & WRITE,
                File::Console | File::Entry(_) | File::SharedMemory(_) => asked & (READ | WRITE),
                File::Reader(reader) => reader_is(reader) & (asked | HUNG_UP),
                File::Writer(writer) => writer_is(writer) & (asked | ERROR),
            },
        };
        user::write_value(place + 6, &answer)?;
        ready += u64::from(answer != 0);
    }
    Ok(ready)
}
