//! System calls: a subset of Linux's for x86-64, with its numbers, arguments,
//! results and errors. So a static program runs here and there.
//!
//! | file | has |
//! |---|---|
//! | `again` | calls that are made again until there is something to do |
//! | `advise` | what is to happen to pages, which of them are there |
//! | `buffers` | the bytes of a program that a call reads or writes |
//! | `descriptors` | descriptors, and what the console is as a terminal |
//! | `files` | files by their names: opened, moved in, given another size |
//! | `folders` | what lies in a folder, and the one that a process is in |
//! | `heap` | the heap of a program |
//! | `identity` | who a process is, and what machine it runs on |
//! | `life` | a process becomes two, ends, waits for a child, and ends another |
//! | `limits` | how much a process may use |
//! | `memory` | mappings: made, ended, and given other rights |
//! | `pipes` | pipes: made, read and written |
//! | `poll` | which of several open files can be read or written |
//! | `populate` | pages that are there before they are touched |
//! | `process` | the turn of a process, and its segments |
//! | `range` | what all calls about memory need |
//! | `remap` | mappings: made larger or smaller, and moved |
//! | `signals` | what programs say about signals |
//! | `source` | what a mapping is of |
//! | `status` | what a file is, without its bytes |
//! | `time` | clocks, and numbers that cannot be guessed |
//! | `trace` | each call in a line |
//! | `transfer` | bytes between files and a program's memory |
//! | `usage` | what a process has used |
//!
//! A call is a function that gets the process, which has the arguments, and the
//! other [`Processes`], if it needs them; it returns a number or an [`Errno`]. A
//! call after which another process is to run changes the state of the caller.

mod advise;
mod again;
mod buffers;
mod descriptors;
mod errno;
mod execve;
mod files;
mod folders;
mod heap;
mod identity;
mod life;
mod limits;
mod memory;
mod pipes;
mod poll;
mod populate;
mod process;
mod range;
mod remap;
mod signals;
mod source;
mod status;
mod time;
pub(super) mod trace;
mod transfer;
mod usage;

pub(super) use again::Again;
pub use errno::Errno;
pub use heap::Heap;
pub(super) use time::random;

use heapless::LinearMap;

use super::{Process, Processes};

/// The numbers (Linux: arch/x86/entry/syscalls/syscall_64.tbl).
pub(crate) mod number {
    macro_rules! numbers {
        ($($name:ident = $number:literal)*) => {
            $(pub(crate) const $name: u64 = $number;)*

            /// All of them.
            #[cfg(test)]
            pub(super) const ALL: &[u64] = &[$($number),*];
        };
    }

    numbers! {
        READ = 0
        WRITE = 1
        OPEN = 2
        CLOSE = 3
        STAT = 4
        FSTAT = 5
        LSTAT = 6
        POLL = 7
        LSEEK = 8
        MMAP = 9
        MPROTECT = 10
        MUNMAP = 11
        BRK = 12
        RT_SIGACTION = 13
        RT_SIGPROCMASK = 14
        IOCTL = 16
        PREAD64 = 17
        PWRITE64 = 18
        READV = 19
        WRITEV = 20
        ACCESS = 21
        PIPE = 22
        SCHED_YIELD = 24
        MREMAP = 25
        MSYNC = 26
        MINCORE = 27
        MADVISE = 28
        DUP = 32
        DUP2 = 33
        GETPID = 39
        CLONE = 56
        FORK = 57
        VFORK = 58
        EXECVE = 59
        EXIT = 60
        WAIT4 = 61
        KILL = 62
        UNAME = 63
        FCNTL = 72
        FTRUNCATE = 77
        GETCWD = 79
        CHDIR = 80
        FCHDIR = 81
        READLINK = 89
        UMASK = 95
        GETRLIMIT = 97
        GETRUSAGE = 98
        GETUID = 102
        GETGID = 104
        GETEUID = 107
        GETEGID = 108
        GETPPID = 110
        GETPGRP = 111
        GETPGID = 121
        GETSID = 124
        SIGALTSTACK = 131
        PRCTL = 157
        ARCH_PRCTL = 158
        SETRLIMIT = 160
        GETTID = 186
        TKILL = 200
        GETDENTS64 = 217
        SET_TID_ADDRESS = 218
        CLOCK_GETTIME = 228
        EXIT_GROUP = 231
        TGKILL = 234
        OPENAT = 257
        NEWFSTATAT = 262
        READLINKAT = 267
        FACCESSAT = 269
        SET_ROBUST_LIST = 273
        DUP3 = 292
        PIPE2 = 293
        PRLIMIT64 = 302
        GETRANDOM = 318
        MEMFD_CREATE = 319
    }
}

/// Makes the system call of a process, and gives it its result. One that fails because
/// frames are short is made again when some come free: it has changed nothing.
#[inline(always)]
pub(super) fn call(process: &mut Process, others: &mut Processes) {
    let result = match dispatch(process, others) {
        Ok(value) => value,
        Err(Errno::NO_MEMORY) => match short_of_memory(process, others) {
            Ok(value) => value,
            Err(errno) => errno.as_result(),
        },
        Err(errno) => errno.as_result(),
    };
    process.context.set_result(result);
}

/// Makes a call again that was refused memory, as long as frames come free. Without
/// slots it is refused at once: what could be freed is needed for writes that were
/// promised.
#[cold]
#[inline(never)]
fn short_of_memory(process: &mut Process, others: &mut Processes) -> Result<u64, Errno> {
    let mut result = Err(Errno::NO_MEMORY);
    if crate::swap::slots().total == 0 {
        return result;
    }
    while result == Err(Errno::NO_MEMORY) && crate::spaces::relieve() {
        result = dispatch(process, others);
    }
    result
}

/// Makes the system call of a process.
#[inline(always)]
fn dispatch(process: &mut Process, others: &mut Processes) -> Result<u64, Errno> {
    let number = process.context.call();
    match number {
        number::READ => transfer::read(process, others),
        number::WRITE => transfer::write(process, others),
        number::OPEN => files::open(process),
        number::CLOSE => files::close(process),
        number::STAT => status::stat(process),
        number::FSTAT => status::fstat(process),
        number::LSTAT => status::lstat(process),
        number::POLL => poll::poll(process, others),
        number::LSEEK => files::lseek(process),
        number::MMAP => memory::mmap(process),
        number::MPROTECT => memory::mprotect(process),
        number::MUNMAP => memory::munmap(process),
        number::BRK => heap::brk(process),
        number::RT_SIGACTION => signals::rt_sigaction(process),
        number::RT_SIGPROCMASK => signals::rt_sigprocmask(process),
        number::IOCTL => descriptors::ioctl(process, others),
        number::PREAD64 => transfer::pread(process),
        number::PWRITE64 => transfer::pwrite(process),
        number::READV => transfer::readv(process, others),
        number::WRITEV => transfer::writev(process, others),
        number::ACCESS => status::access(process),
        number::PIPE => pipes::pipe(process),
        number::SCHED_YIELD => process::sched_yield(process),
        number::MREMAP => remap::mremap(process),
        number::MSYNC => advise::msync(process),
        number::MINCORE => advise::mincore(process),
        number::MADVISE => advise::madvise(process),
        number::DUP => descriptors::dup(process),
        number::DUP2 => descriptors::dup2(process),
        // A process has one thread, which has its number.
        number::GETPID | number::GETTID | number::SET_TID_ADDRESS => identity::getpid(process),
        number::CLONE => life::clone(process, others),
        number::FORK => life::fork(process, others),
        number::VFORK => life::vfork(process, others),
        number::EXECVE => execve::execve(process, others),
        number::EXIT | number::EXIT_GROUP => life::exit(process),
        number::WAIT4 => life::wait4(process, others),
        number::KILL | number::TKILL => life::kill(process, others),
        number::UNAME => identity::uname(process),
        number::FCNTL => descriptors::fcntl(process),
        number::FTRUNCATE => files::ftruncate(process, others),
        number::GETCWD => folders::getcwd(process),
        number::CHDIR => folders::chdir(process),
        number::FCHDIR => folders::fchdir(process),
        number::READLINK => status::readlink(process),
        number::UMASK => folders::umask(process),
        number::GETRLIMIT => limits::getrlimit(process),
        number::GETRUSAGE => usage::getrusage(process, others),
        // There is one user, the superuser.
        number::GETUID | number::GETGID | number::GETEUID | number::GETEGID => Ok(0),
        number::GETPPID => identity::getppid(process),
        number::GETPGRP => identity::getpgrp(process),
        number::GETPGID | number::GETSID => identity::getpgid(process, others),
        number::SIGALTSTACK => signals::sigaltstack(process),
        number::PRCTL => process::prctl(process),
        number::ARCH_PRCTL => process::arch_prctl(process),
        number::SETRLIMIT => limits::setrlimit(process),
        number::GETDENTS64 => folders::getdents64(process),
        number::CLOCK_GETTIME => time::clock_gettime(process),
        number::TGKILL => life::tgkill(process, others),
        number::OPENAT => files::openat(process),
        number::NEWFSTATAT => status::newfstatat(process),
        number::READLINKAT => status::readlinkat(process),
        number::FACCESSAT => status::faccessat(process),
        // Locks that threads would leave behind: there are no threads.
        number::SET_ROBUST_LIST => Ok(0),
        number::DUP3 => descriptors::dup3(process),
        number::PIPE2 => pipes::pipe2(process),
        number::PRLIMIT64 => limits::prlimit64(process),
        number::GETRANDOM => time::getrandom(process),
        number::MEMFD_CREATE => files::memfd_create(process),
        _ => {
            others.unknown.count(number);
            Err(Errno::NO_SUCH_CALL)
        }
    }
}

/// Numbers of calls that do not exist, each counted; more are not.
const MOST_UNKNOWN: usize = 64;

/// How often calls were made that do not exist, by number.
#[derive(Debug)]
pub struct Unknown(LinearMap<u64, u64, MOST_UNKNOWN>);

impl Unknown {
    pub(super) const fn new() -> Self {
        Self(LinearMap::new())
    }

    #[cold]
    fn count(&mut self, number: u64) {
        match self.0.get_mut(&number) {
            Some(count) => *count += 1,
            // The first numbers tell enough.
            None => drop(self.0.insert(number, 1)),
        }
    }

    /// How often this one was made.
    #[must_use]
    pub fn of(&self, number: u64) -> u64 {
        self.0.get(&number).copied().unwrap_or(0)
    }

    /// Number and count of each, in the order of their first use.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        self.0.iter().map(|(number, count)| (*number, *count))
    }
}
