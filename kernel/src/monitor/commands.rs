//! The table of all commands: what they are called, what they take and do, and
//! an example of each. `help` prints it, and a line is looked up in it.

use super::arguments::Arguments;
use super::error::Error;
use super::nearest::{LONGEST, nearest};
use super::output::Output;
use super::{
    Monitor, accesses, control, demos, devices, files, frames, look, objects, picture, programs,
    regions, spaces, swap,
};

/// The work of a command.
type Run = for<'a> fn(&mut Monitor, &mut Arguments<'a>, &mut Output<'_>) -> Result<(), Error<'a>>;

/// One command.
#[derive(Debug)]
pub struct Command {
    /// Its first word.
    pub name: &'static str,
    /// It with what it takes: `<what must be there>`, `[what may]`.
    pub usage: &'static str,
    /// What it does.
    pub does: &'static str,
    /// A line that shows it.
    pub example: &'static str,
    pub(super) run: Run,
}

/// The command of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| command.name == name)
}

/// The error for a name that no command has.
pub(super) fn unknown(name: &str) -> Error<'_> {
    let names = COMMANDS.iter().map(|command| command.name);
    Error::UnknownCommand(name, nearest(name, names).unwrap_or("help"))
}

const _: () = {
    let mut index = 0;
    while index < COMMANDS.len() {
        assert!(COMMANDS[index].name.len() <= LONGEST);
        index += 1;
    }
};

/// All commands, in the order in which `help` lists them.
pub static COMMANDS: [Command; 35] = [
    Command {
        name: "help",
        usage: "help [command]",
        does: "lists the commands, or tells of one",
        example: "help alloc",
        run: help,
    },
    Command {
        name: "tour",
        usage: "tour [name]",
        does: "runs a guided demonstration in an address space of its own, or lists them",
        example: "tour example",
        run: demos::tour,
    },
    Command {
        name: "alloc",
        usage: "alloc <immediate|demand|zero> <size> [4K|2M|1G] [around=N] [rights=r|rw|rx]",
        does: "reserves a region in the low half of the current space; frames= is what it holds now",
        example: "alloc demand 16M around=8",
        run: regions::alloc,
    },
    Command {
        name: "mmio",
        usage: "mmio <physical> <size>",
        does: "maps device memory, uncached; its frames are borrowed",
        example: "mmio 0xd0000000 4K",
        run: devices::mmio,
    },
    Command {
        name: "guard",
        usage: "guard <size>",
        does: "reserves a region that refuses every access",
        example: "guard 4K",
        run: regions::guard,
    },
    Command {
        name: "free",
        usage: "free <address> [size]",
        does: "frees the region with that base or, with a size, whole pages of any regions; frames= is how many went back",
        example: "free 0x1000",
        run: regions::free,
    },
    Command {
        name: "protect",
        usage: "protect <address> <size> <r|rw|rx>",
        does: "changes the rights of whole pages, splitting regions and large pages as needed",
        example: "protect 0x1000 8K r",
        run: regions::protect,
    },
    Command {
        name: "discard",
        usage: "discard <address> <size>",
        does: "gives the frames of whole pages back and keeps the region",
        example: "discard 0x1000 4K",
        run: regions::discard,
    },
    Command {
        name: "read",
        usage: "read <address> [count]",
        does: "reads bytes through the processor, 1 or as many as 4096",
        example: "read 0x1000 32",
        run: accesses::read,
    },
    Command {
        name: "write",
        usage: "write <address> <byte>...",
        does: "writes bytes through the processor",
        example: "write 0x1000 0x48 0x69",
        run: accesses::write,
    },
    Command {
        name: "fill",
        usage: "fill <address> <size> <byte>",
        does: "writes the same byte to a whole range through the processor",
        example: "fill 0x1000 8K 0xaa",
        run: accesses::fill,
    },
    Command {
        name: "touch",
        usage: "touch <address> <size> <r|w> [stride]",
        does: "makes one access per page, or per stride; one that writes keeps the byte there",
        example: "touch 0x1000 1M w",
        run: accesses::touch,
    },
    Command {
        name: "walk",
        usage: "walk <address>",
        does: "takes an address apart and follows it through the page tables",
        example: "walk 0x1000",
        run: look::walk,
    },
    Command {
        name: "regions",
        usage: "regions [space|process=N]",
        does: "lists the regions of the current space, then those of the kernel half; or those of the space or the process of that number alone",
        example: "regions 0",
        run: look::regions,
    },
    Command {
        name: "frames",
        usage: "frames",
        does: "counts the frames of physical memory by use",
        example: "frames",
        run: frames::frames,
    },
    Command {
        name: "faults",
        usage: "faults",
        does: "counts the page faults since boot by cause and by outcome",
        example: "faults",
        run: frames::faults,
    },
    Command {
        name: "trace",
        usage: "trace <on|off>",
        does: "tells each fault of a command before its result, and each system call of a program",
        example: "trace on",
        run: control::trace,
    },
    Command {
        name: "heap",
        usage: "heap [trim]",
        does: "tells of the kernel's own heap; resident= and reserved= are frames, trim gives idle ones back",
        example: "heap",
        run: frames::heap,
    },
    Command {
        name: "spaces",
        usage: "spaces",
        does: "lists the address spaces",
        example: "spaces",
        run: spaces::spaces,
    },
    Command {
        name: "space",
        usage: "space <new | fork | n | free n>",
        does: "makes an address space, or a copy of the current one that shares its pages until one of the two writes; switches to one, or destroys one that is not current",
        example: "space fork",
        run: spaces::space,
    },
    Command {
        name: "object",
        usage: "object <size | free n>",
        does: "makes shared memory of that size, still without a page and not mapped; or gives one back that no region maps",
        example: "object 16K",
        run: objects::object,
    },
    Command {
        name: "objects",
        usage: "objects",
        does: "lists shared memory and the files in use: pages, how many of them are there, regions that map them",
        example: "objects",
        run: objects::objects,
    },
    Command {
        name: "attach",
        usage: "attach <object|file> [private] [rights=r|rw|rx] [offset=N] [size=N]",
        does: "maps an object, by its number, or a file of the archive into the current space; with private the first write to a page copies it. Without rights= it may be written, but for a file that is shared; behind the object's end every access is refused",
        example: "attach hello private",
        run: objects::attach,
    },
    Command {
        name: "map",
        usage: "map <physical|virtual>",
        does: "draws physical memory by state, or the current space by region",
        example: "map physical",
        run: picture::map,
    },
    Command {
        name: "files",
        usage: "files",
        does: "lists the archive of files: kind and name, size in bytes, permissions, pages in the page cache",
        example: "files",
        run: files::files,
    },
    Command {
        name: "run",
        usage: "run <file> [argument...]",
        does: "runs a program of the archive in ring 3 until it ends; Ctrl-C kills it, Ctrl-Z stops it. frames= is the most that it held at once, faults= are those that were resolved, by outcome behind that. Both are its own, without those of its children. An argument with blanks stands in quotes",
        example: "run hello 'two words'",
        run: programs::run,
    },
    Command {
        name: "fg",
        usage: "fg",
        does: "lets the program go on that Ctrl-Z has stopped, as `run` does",
        example: "fg",
        run: programs::fg,
    },
    Command {
        name: "ps",
        usage: "ps",
        does: "lists the processes: those of a program that was stopped, with the frames that they hold and the faults that they took",
        example: "ps",
        run: programs::ps,
    },
    Command {
        name: "swap",
        usage: "swap [policy <clock|second-chance|fifo|random>]",
        does: "tells of the slots on the disk and of the pages that went to them and came back, or chooses how pages are chosen that go",
        example: "swap policy random",
        run: swap::swap,
    },
    Command {
        name: "evict",
        usage: "evict <n>",
        does: "lets so many pages go now: to slots, or for nothing if a slot or a file holds them already",
        example: "evict 8",
        run: swap::evict,
    },
    Command {
        name: "limit",
        usage: "limit frames <n|off>",
        does: "lets at most n more frames be handed out: running out of memory on purpose",
        example: "limit frames 3",
        run: control::limit,
    },
    Command {
        name: "audit",
        usage: "audit",
        does: "checks every invariant of the memory manager",
        example: "audit",
        run: control::audit,
    },
    Command {
        name: "bench",
        usage: "bench",
        does: "measures the operations of the memory manager, a line each",
        example: "bench",
        run: demos::bench,
    },
    Command {
        name: "crash",
        usage: "crash [name]",
        does: "faults for real, which ends the machine with a report, or lists the ways",
        example: "crash null",
        run: demos::crash,
    },
    Command {
        name: "exit",
        usage: "exit [status]",
        does: "powers the machine off; the status, 0 to 63, is the runner's",
        example: "exit 3",
        run: control::exit,
    },
];

/// `help [command]`
fn help<'a>(
    _: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    let Some(name) = arguments.optional() else {
        for Command { usage, does, .. } in &COMMANDS {
            writeln!(out, "{usage}\n    {does}");
        }
        writeln!(
            out,
            "Numbers are decimal or 0x hexadecimal, with _ between digits; sizes take K, M, G or k, m, g.\n\
             A # begins a comment. Ctrl-C ends a command that takes long."
        );
        return Ok(());
    };
    arguments.end()?;
    let command = find(name).ok_or_else(|| unknown(name))?;
    writeln!(out, "usage: {}", command.usage);
    writeln!(out, "does: {}", command.does);
    writeln!(out, "example: {}", command.example);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test_case]
    fn a_misspelt_name_is_near_to_the_right_one() {
        for (word, name) in [
            ("alocc", "alloc"),
            ("regoins", "regions"),
            ("fre", "free"),
            ("spac", "space"),
            ("HELP", "help"),
            ("exi", "exit"),
            ("wirte", "write"),
        ] {
            let names = COMMANDS.iter().map(|command| command.name);
            assert_eq!(nearest(word, names), Some(name), "{word}");
        }
    }

    #[test_case]
    fn every_command_has_a_name_of_its_own_and_begins_its_usage_and_its_example_with_it() {
        for (index, command) in COMMANDS.iter().enumerate() {
            let first = |line: &'static str| line.split(' ').next();
            assert_eq!(first(command.usage), Some(command.name));
            assert_eq!(first(command.example), Some(command.name));
            let same = COMMANDS.iter().position(|other| other.name == command.name);
            assert_eq!(same, Some(index));
        }
    }
}
