//! Plays scripts of system calls and accesses, and tells what came of each step.
//!
//! `player FILE` prints a line for each script of the file: its number and a digest of
//! what its steps told: result, faults, and which pages are there. With `contents` they
//! tell what is in the pages instead, which no eviction may change. With `steps` the
//! player prints in front of the digest what each step told.
//! The same scripts are played on Linux and on Faultline (`boot/tests/same`).
//!
//! | module | is |
//! |---|---|
//! | [`script`] | what a file of scripts looks like |
//! | [`play`] | the processes of a script, one at a time |
//! | [`log`] | whose turn it is, who lives, and what was told |
//! | [`step`] | one step |
//! | [`look`] | which pages are there, and what is in them |
//!
//! What must always hold: no Rust value lies in the arena, in the heap, or in any
//! page that a script maps; a script is played in processes of its own, which end
//! with it.
#![no_std]
#![no_main]

mod log;
mod look;
mod play;
mod script;
mod step;

use core::ffi::CStr;
use core::slice;

use programs::errno::Errno;
use programs::{Arguments, calls, println, program};

use crate::log::Log;
use crate::script::Script;
use crate::step::Tells;

program!(main);

fn main(arguments: Arguments) -> u8 {
    let Some(path) = arguments.string(1) else {
        println!("usage: player FILE [contents] [steps]");
        return 2;
    };
    let is_given = |word| {
        (2..)
            .map_while(|index| arguments.get(index))
            .any(|one| one == word)
    };
    let is_printed = is_given("steps");
    let tells = if is_given("contents") {
        Tells::Contents
    } else {
        Tells::Costs
    };
    let text = match read(path) {
        Ok(text) => text,
        Err(error) => {
            println!("the scripts cannot be read: {error}");
            return 1;
        }
    };
    // Where it is unknown, orphans go away by themselves.
    let _ = calls::adopt_orphans();
    let log = Log::new().expect("mmap");
    let object = calls::object(c"probe").expect("memfd_create");
    for (number, script) in Script::all(text).enumerate() {
        log.begin(is_printed);
        play::all(script, tells, object, log);
        println!("script {number} digest={:016x}", log.digest());
    }
    0
}

/// What is in a file of text. It is mapped: its pages can be let go for nothing, while
/// copies of them would stay, shared with each process.
fn read(path: &CStr) -> Result<&'static str, Errno> {
    let file = calls::open(path)?;
    let size = calls::size(file)?;
    let start = calls::map(size, calls::READ, calls::PRIVATE, file)?;
    calls::close(file)?;
    // SAFETY: these bytes were just mapped and stay so, and nobody changes the file.
    let bytes = unsafe { slice::from_raw_parts(start as *const u8, size) };
    Ok(str::from_utf8(bytes).expect("scripts are text"))
}
