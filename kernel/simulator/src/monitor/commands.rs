//! The table of all commands. What a command of the kernel's takes here is what it takes
//! there, or less.

use super::arguments::Arguments;
use super::error::Error;
use super::nearest::{LONGEST, nearest};
use super::output::Output;
use super::{Monitor, accesses, control, look, regions, spaces};

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
    /// Whether the kernel's prompt has it as well.
    pub is_kernels: bool,
    pub(super) run: Run,
}

/// The command of this name.
pub(super) fn find(name: &str) -> Option<&'static Command> {
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

const fn command(usage: &'static str, does: &'static str, run: Run, name: &'static str) -> Command {
    Command {
        name,
        usage,
        does,
        is_kernels: true,
        run,
    }
}

/// One that the kernel's prompt does not have.
const fn ours(usage: &'static str, does: &'static str, run: Run, name: &'static str) -> Command {
    Command {
        is_kernels: false,
        ..command(usage, does, run, name)
    }
}

/// All commands, in the order in which `help` lists them.
pub static COMMANDS: [Command; 23] = [
    command("help", "lists the commands", help, "help"),
    command(
        "alloc <immediate|demand|zero> <size> [4K|2M|1G] [around=N] [rights=r|rw|rx]",
        "reserves a region; frames= is what it holds now",
        regions::alloc,
        "alloc",
    ),
    command(
        "guard <size>",
        "reserves a region that refuses every access",
        regions::guard,
        "guard",
    ),
    command(
        "free <address> [size]",
        "frees the region with that base or, with a size, whole pages of any regions",
        regions::free,
        "free",
    ),
    command(
        "protect <address> <size> <r|rw|rx>",
        "changes the rights of whole pages",
        regions::protect,
        "protect",
    ),
    command(
        "discard <address> <size>",
        "gives the frames of whole pages back and keeps the region",
        regions::discard,
        "discard",
    ),
    command(
        "read <address> [count]",
        "reads bytes through the processor, 1 or as many as 4096",
        accesses::read,
        "read",
    ),
    command(
        "write <address> <byte>...",
        "writes bytes through the processor",
        accesses::write,
        "write",
    ),
    command(
        "fill <address> <size> <byte>",
        "writes the same byte to a whole range",
        accesses::fill,
        "fill",
    ),
    command(
        "touch <address> <size> <r|w> [stride]",
        "makes one access per page, or per stride; one that writes keeps the byte there",
        accesses::touch,
        "touch",
    ),
    command(
        "walk <address>",
        "takes an address apart and follows it through the page tables",
        look::walk,
        "walk",
    ),
    command(
        "regions [space]",
        "lists the regions of the current space, or of the one of that number",
        look::regions,
        "regions",
    ),
    command(
        "frames",
        "counts the frames of physical memory by use",
        look::frames,
        "frames",
    ),
    command(
        "faults",
        "counts the page faults by cause and by outcome",
        look::faults,
        "faults",
    ),
    command(
        "trace <on|off>",
        "tells each fault of a command before its result",
        control::trace,
        "trace",
    ),
    command(
        "spaces",
        "lists the address spaces",
        spaces::spaces,
        "spaces",
    ),
    command(
        "space <new | fork | n | free n>",
        "makes an address space, or a copy of the current one that shares its pages until one of the two writes; switches to one, or destroys one that is not current",
        spaces::space,
        "space",
    ),
    command(
        "swap [policy <clock|second-chance|fifo|random>]",
        "tells of the slots on the disk, or chooses how pages are chosen that go",
        control::swap,
        "swap",
    ),
    command(
        "evict <n>",
        "lets so many pages go to slots now",
        control::evict,
        "evict",
    ),
    command(
        "limit frames <n|off>",
        "lets at most n more frames be handed out",
        control::limit,
        "limit",
    ),
    command(
        "audit",
        "checks every invariant of the memory manager",
        look::audit,
        "audit",
    ),
    ours(
        "flush [on|off]",
        "makes the processor forget all translations; off: it ignores flushes from now on",
        control::flush,
        "flush",
    ),
    ours(
        "restart [swap]",
        "begins anew with empty memory, and with a disk of that size for pages that go",
        control::restart,
        "restart",
    ),
];

/// `help`
fn help<'a>(
    _: &mut Monitor,
    arguments: &mut Arguments<'a>,
    out: &mut Output<'_>,
) -> Result<(), Error<'a>> {
    arguments.end()?;
    for command in &COMMANDS {
        let ours = if command.is_kernels {
            ""
        } else {
            " (here only)"
        };
        writeln!(out, "{}\n    {}{ours}", command.usage, command.does);
    }
    writeln!(
        out,
        "Numbers are decimal or 0x hexadecimal; sizes take K, M, G. A # begins a comment."
    );
    Ok(())
}
