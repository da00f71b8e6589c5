//! System calls: a subset of Linux's for x86-64, with its numbers, arguments,
//! results and errors. So a static program runs here and there.
//!
//! | file | has |
//! |---|---|
//! | `advise` | what is to happen to pages, which of them are there |
//! | `descriptors` | descriptors, and what the console is as a terminal |
//! | `files` | files by their names: opened, moved in, given another size |
//! | `folders` | what lies in a folder, and the one that a process is in |
//! | `heap` | the heap of a program |
//! | `identity` | who a process is, and what machine it runs on |
//! | `life` | a process becomes two, ends, waits for a child, and ends another |
//! | `limits` | how much a process may use |
//! | `memory` | mappings: made, ended, and given other rights |
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

pub use errno::Errno;
pub use heap::Heap;
pub(super) use time::random;

use heapless::LinearMap;

use super::{Process, Processes};

/// The numbers (Linux: arch/x86/entry/syscalls/syscall_64.tbl).
mod number {
    pub(super) const READ: u64 = 0;
    pub(super) const WRITE: u64 = 1;
    pub(super) const OPEN: u64 = 2;
    pub(super) const CLOSE: u64 = 3;
    pub(super) const STAT: u64 = 4;
    pub(super) const FSTAT: u64 = 5;
    pub(super) const LSTAT: u64 = 6;
    pub(super) const POLL: u64 = 7;
    pub(super) const LSEEK: u64 = 8;
    pub(super) const MMAP: u64 = 9;
    pub(super) const MPROTECT: u64 = 10;
    pub(super) const MUNMAP: u64 = 11;
    pub(super) const BRK: u64 = 12;
    pub(super) const RT_SIGACTION: u64 = 13;
    pub(super) const RT_SIGPROCMASK: u64 = 14;
    pub(super) const IOCTL: u64 = 16;
    pub(super) const PREAD64: u64 = 17;
    pub(super) const PWRITE64: u64 = 18;
    pub(super) const READV: u64 = 19;
    pub(super) const WRITEV: u64 = 20;
    pub(super) const ACCESS: u64 = 21;
    pub(super) const SCHED_YIELD: u64 = 24;
    pub(super) const MREMAP: u64 = 25;
    pub(super) const MSYNC: u64 = 26;
    pub(super) const MINCORE: u64 = 27;
    pub(super) const MADVISE: u64 = 28;
    pub(super) const DUP: u64 = 32;
    pub(super) const DUP2: u64 = 33;
    pub(super) const GETPID: u64 = 39;
    pub(super) const CLONE: u64 = 56;
    pub(super) const FORK: u64 = 57;
    pub(super) const VFORK: u64 = 58;
    pub(super) const EXECVE: u64 = 59;
    pub(super) const EXIT: u64 = 60;
    pub(super) const WAIT4: u64 = 61;
    pub(super) const KILL: u64 = 62;
    pub(super) const UNAME: u64 = 63;
    pub(super) const FCNTL: u64 = 72;
    pub(super) const FTRUNCATE: u64 = 77;
    pub(super) const GETCWD: u64 = 79;
    pub(super) const CHDIR: u64 = 80;
    pub(super) const FCHDIR: u64 = 81;
    pub(super) const READLINK: u64 = 89;
    pub(super) const UMASK: u64 = 95;
    pub(super) const GETRLIMIT: u64 = 97;
    pub(super) const GETRUSAGE: u64 = 98;
    pub(super) const GETUID: u64 = 102;
    pub(super) const GETGID: u64 = 104;
    pub(super) const GETEUID: u64 = 107;
    pub(super) const GETEGID: u64 = 108;
    pub(super) const GETPPID: u64 = 110;
    pub(super) const GETPGRP: u64 = 111;
    pub(super) const GETPGID: u64 = 121;
    pub(super) const GETSID: u64 = 124;
    pub(super) const SIGALTSTACK: u64 = 131;
    pub(super) const PRCTL: u64 = 157;
    pub(super) const ARCH_PRCTL: u64 = 158;
    pub(super) const SETRLIMIT: u64 = 160;
    pub(super) const GETTID: u64 = 186;
    pub(super) const TKILL: u64 = 200;
    pub(super) const GETDENTS64: u64 = 217;
    pub(super) const SET_TID_ADDRESS: u64 = 218;
    pub(super) const CLOCK_GETTIME: u64 = 228;
    pub(super) const EXIT_GROUP: u64 = 231;
    pub(super) const TGKILL: u64 = 234;
    pub(super) const OPENAT: u64 = 257;
    pub(super) const NEWFSTATAT: u64 = 262;
    pub(super) const READLINKAT: u64 = 267;
    pub(super) const FACCESSAT: u64 = 269;
    pub(super) const SET_ROBUST_LIST: u64 = 273;
    pub(super) const DUP3: u64 = 292;
    pub(super) const PRLIMIT64: u64 = 302;
    pub(super) const GETRANDOM: u64 = 318;
    pub(super) const MEMFD_CREATE: u64 = 319;
}

/// Makes the system call of a process, and gives it its result.
#[inline]
pub(super) fn call(process: &mut Process, others: &mut Processes) {
    let number = process.context.call();
    let traced = others.is_traced.then(|| trace::begin(process));
    let result = match number {
        number::READ => transfer::read(process, others),
        number::WRITE => transfer::write(process),
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
        number::WRITEV => transfer::writev(process),
        number::ACCESS => status::access(process),
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
        number::PRLIMIT64 => limits::prlimit64(process),
        number::GETRANDOM => time::getrandom(process),
        number::MEMFD_CREATE => files::memfd_create(process),
        _ => {
            others.unknown.count(number);
            Err(Errno::NO_SUCH_CALL)
        }
    };
    let result = match result {
        Ok(value) => value,
        Err(errno) => errno.as_result(),
    };
    if let Some(call) = traced {
        trace::end(process, &call, result);
    }
    process.context.set_result(result);
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
