//! Descriptors: duplicated, asked and told about themselves, and about the
//! terminal that the console is.

use super::super::open_file::{File, OpenFlags};
use super::super::{Process, Processes, user};
use super::Errno;

/// `dup(descriptor)`
pub(super) fn dup(process: &mut Process) -> Result<u64, Errno> {
    let [descriptor, ..] = process.arguments();
    process.descriptors.duplicate(descriptor, 0, false)
}

/// `dup2(descriptor, to)`: nothing happens if they are the same.
pub(super) fn dup2(process: &mut Process) -> Result<u64, Errno> {
    let [descriptor, to, ..] = process.arguments();
    if descriptor as u32 == to as u32 {
        process.descriptors.get(descriptor)?;
        return Ok(u64::from(to as u32));
    }
    process.descriptors.replace(descriptor, to, false)
}

/// `dup3(descriptor, to, flags)`
pub(super) fn dup3(process: &mut Process) -> Result<u64, Errno> {
    let [descriptor, to, flags, ..] = process.arguments();
    let flags = OpenFlags::from_bits_retain(flags as u32);
    let is_known = OpenFlags::CLOSE_ON_EXEC.contains(flags);
    if !is_known || descriptor as u32 == to as u32 {
        return Err(Errno::INVALID);
    }
    let close = !flags.is_empty();
    process.descriptors.replace(descriptor, to, close)
}

/// What `fcntl` does (Linux: include/uapi/asm-generic/fcntl.h, linux/fcntl.h).
const DUPLICATE: u64 = 0;
const GET_DESCRIPTOR_FLAGS: u64 = 1;
const SET_DESCRIPTOR_FLAGS: u64 = 2;
const GET_FLAGS: u64 = 3;
const SET_FLAGS: u64 = 4;
const DUPLICATE_CLOSE_ON_EXEC: u64 = 1030;

/// The one flag of a descriptor: FD_CLOEXEC.
const CLOSE_ON_EXEC: u64 = 1;

/// `fcntl(descriptor, operation, argument)`
#[inline(never)]
pub(super) fn fcntl(process: &mut Process) -> Result<u64, Errno> {
    let [descriptor, operation, argument, ..] = process.arguments();
    let descriptors = &mut process.descriptors;
    let file = descriptors.get(descriptor)?;
    match u64::from(operation as u32) {
        DUPLICATE => descriptors.duplicate(descriptor, argument, false),
        DUPLICATE_CLOSE_ON_EXEC => descriptors.duplicate(descriptor, argument, true),
        GET_DESCRIPTOR_FLAGS => descriptors.close_on_exec(descriptor).map(u64::from),
        SET_DESCRIPTOR_FLAGS => {
            let close = argument & CLOSE_ON_EXEC != 0;
            descriptors.set_close_on_exec(descriptor, close)?;
            Ok(0)
        }
        GET_FLAGS => Ok(u64::from(file.flags().bits())),
        SET_FLAGS => {
            file.set_flags(OpenFlags::from_bits_retain(argument as u32));
            Ok(0)
        }
        _ => Err(Errno::INVALID),
    }
}

/// What `ioctl` does to a terminal (Linux: include/uapi/asm-generic/ioctls.h).
const GET_MODES: u64 = 0x5401;
/// At once, when all is written, and without what was typed before: that is the same
/// here, where a write ends when all is written, and nothing is read ahead.
const SET_MODES: [u64; 3] = [0x5402, 0x5403, 0x5404];
const GET_WINDOW_SIZE: u64 = 0x5413;

/// `ioctl(descriptor, request, argument)`: the console is a terminal, and
/// nothing else is one.
#[inline(never)]
pub(super) fn ioctl(process: &Process, others: &mut Processes) -> Result<u64, Errno> {
    let [descriptor, request, argument, ..] = process.arguments();
    let file = process.descriptors.get(descriptor)?;
    let File::Console = file.file() else {
        return Err(Errno::NOT_TERMINAL);
    };
    let terminal = &mut others.terminal;
    match u64::from(request as u32) {
        GET_MODES => user::write_value(argument, terminal.modes())?,
        request if SET_MODES.contains(&request) => terminal.set_modes(user::read_value(argument)?),
        GET_WINDOW_SIZE => user::write_value(argument, &WINDOW_SIZE)?,
        _ => return Err(Errno::NOT_TERMINAL),
    }
    Ok(0)
}

/// A `struct winsize`: rows, columns, and the pixels of both. Like those of any
/// terminal at the end of a serial line, they are not known.
const WINDOW_SIZE: [u16; 4] = [0; 4];
