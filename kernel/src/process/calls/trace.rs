//! Each system call in a line, as `strace` prints it, behind the page faults that
//! came before its end.

use core::fmt;

use super::super::watch::Watch;
use super::super::{Process, State};
use crate::account::words::Traced;
use crate::cpu::ring3::Left;
use crate::{println, spaces};

/// Name and count of the arguments of each call, by number.
const CALLS: [(u64, &str, usize); 85] = [
    (0, "read", 3),
    (1, "write", 3),
    (2, "open", 3),
    (3, "close", 1),
    (4, "stat", 2),
    (5, "fstat", 2),
    (6, "lstat", 2),
    (7, "poll", 3),
    (8, "lseek", 3),
    (9, "mmap", 6),
    (10, "mprotect", 3),
    (11, "munmap", 2),
    (12, "brk", 1),
    (13, "rt_sigaction", 4),
    (14, "rt_sigprocmask", 4),
    (16, "ioctl", 3),
    (17, "pread64", 4),
    (18, "pwrite64", 4),
    (19, "readv", 3),
    (20, "writev", 3),
    (21, "access", 2),
    (22, "pipe", 1),
    (24, "sched_yield", 0),
    (25, "mremap", 5),
    (26, "msync", 3),
    (27, "mincore", 3),
    (28, "madvise", 3),
    (32, "dup", 1),
    (33, "dup2", 2),
    (35, "nanosleep", 2),
    (39, "getpid", 0),
    (56, "clone", 5),
    (57, "fork", 0),
    (58, "vfork", 0),
    (59, "execve", 3),
    (60, "exit", 1),
    (61, "wait4", 4),
    (62, "kill", 2),
    (63, "uname", 1),
    (72, "fcntl", 3),
    (77, "ftruncate", 2),
    (79, "getcwd", 2),
    (80, "chdir", 1),
    (81, "fchdir", 1),
    (89, "readlink", 3),
    (95, "umask", 1),
    (96, "gettimeofday", 2),
    (97, "getrlimit", 2),
    (98, "getrusage", 2),
    (99, "sysinfo", 1),
    (102, "getuid", 0),
    (104, "getgid", 0),
    (107, "geteuid", 0),
    (108, "getegid", 0),
    (109, "setpgid", 2),
    (110, "getppid", 0),
    (111, "getpgrp", 0),
    (121, "getpgid", 1),
    (124, "getsid", 1),
    (131, "sigaltstack", 2),
    (157, "prctl", 5),
    (158, "arch_prctl", 2),
    (160, "setrlimit", 2),
    (186, "gettid", 0),
    (200, "tkill", 2),
    (201, "time", 1),
    (202, "futex", 6),
    (217, "getdents64", 3),
    (218, "set_tid_address", 1),
    (228, "clock_gettime", 2),
    (230, "clock_nanosleep", 4),
    (231, "exit_group", 1),
    (234, "tgkill", 3),
    (257, "openat", 4),
    (262, "newfstatat", 4),
    (267, "readlinkat", 4),
    (269, "faccessat", 3),
    (273, "set_robust_list", 2),
    (292, "dup3", 3),
    (293, "pipe2", 2),
    (302, "prlimit64", 4),
    (318, "getrandom", 3),
    (319, "memfd_create", 2),
    (334, "rseq", 4),
    (439, "faccessat2", 4),
];

/// Prints what processes do.
#[derive(Debug)]
pub struct Trace {
    /// The system call that is made.
    call: Option<Call>,
}

impl Trace {
    /// Forgets the faults that came before, and that nobody has looked at.
    #[must_use]
    pub fn start() -> Self {
        while spaces::memory().next_event().is_some() {}
        Self { call: None }
    }
}

impl Watch for Trace {
    #[cold]
    fn left(&mut self, process: &Process, why: Left) {
        print_faults(process);
        let is_call = why == Left::SystemCall;
        self.call = is_call.then(|| Call(process.context.call(), process.arguments()));
    }

    #[cold]
    fn handled(&mut self, process: &Process) {
        print_faults(process);
        let Some(call) = self.call.take() else {
            return;
        };
        let (id, result) = (process.id, process.context.call());
        match process.state {
            // It will be made again: its result is its own number.
            State::Waiting => {}
            State::Ready if result == call.0 => {}
            State::Ended(_) => println!("process={id} {call} = ?"),
            _ => println!("process={id} {call} = {}", Outcome(result)),
        }
    }
}

/// A call and its arguments: `wait4(-1, 0x500000, 0, 0)`.
#[derive(Debug)]
struct Call(u64, [u64; 6]);

/// Those that the kernel took for it included.
fn print_faults(process: &Process) {
    let memory = spaces::memory();
    while let Some(event) = memory.next_event() {
        if !spaces::is_kernels(event.fault.address) {
            println!("process={} {}", process.id, Traced(&event));
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(number, arguments) = self;
        let found = CALLS.binary_search_by_key(number, |(number, ..)| *number);
        let count = match found.map(|index| CALLS[index]) {
            Ok((_, name, count)) => {
                f.write_str(name)?;
                count
            }
            Err(_) => {
                write!(f, "call_{number}")?;
                arguments.len()
            }
        };
        f.write_str("(")?;
        for (index, argument) in arguments[..count].iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{}", Number(*argument))?;
        }
        f.write_str(")")
    }
}

/// A number: as such if it is small, or as an address.
struct Number(u64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.cast_signed() {
            small @ -4095..=4095 => small.fmt(f),
            _ => write!(f, "{:#x}", self.0),
        }
    }
}

/// The names of errors 1 to 40.
const ERRORS: [&str; 40] = [
    "EPERM",
    "ENOENT",
    "ESRCH",
    "EINTR",
    "EIO",
    "ENXIO",
    "E2BIG",
    "ENOEXEC",
    "EBADF",
    "ECHILD",
    "EAGAIN",
    "ENOMEM",
    "EACCES",
    "EFAULT",
    "ENOTBLK",
    "EBUSY",
    "EEXIST",
    "EXDEV",
    "ENODEV",
    "ENOTDIR",
    "EISDIR",
    "EINVAL",
    "ENFILE",
    "EMFILE",
    "ENOTTY",
    "ETXTBSY",
    "EFBIG",
    "ENOSPC",
    "ESPIPE",
    "EROFS",
    "EMLINK",
    "EPIPE",
    "EDOM",
    "ERANGE",
    "EDEADLK",
    "ENAMETOOLONG",
    "ENOLCK",
    "ENOSYS",
    "ENOTEMPTY",
    "ELOOP",
];

/// What a call returned.
struct Outcome(u64);

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = self.0.wrapping_neg().wrapping_sub(1);
        match usize::try_from(error)
            .ok()
            .and_then(|error| ERRORS.get(error))
        {
            Some(name) => write!(f, "{} {name}", self.0.cast_signed()),
            None => Number(self.0).fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test_case]
    fn a_call_is_printed_with_its_name_and_the_arguments_it_has() {
        assert!(CALLS.is_sorted_by_key(|(number, ..)| *number));
        let wait4 = Call(61, [u64::MAX, 0x50_0000, 1, 0, 7, 7]);
        assert_eq!(format!("{wait4}"), "wait4(-1, 0x500000, 1, 0)");
        assert_eq!(format!("{}", Call(39, [7; 6])), "getpid()");
        assert_eq!(
            format!("{}", Call(999, [7; 6])),
            "call_999(7, 7, 7, 7, 7, 7)"
        );
    }

    #[test_case]
    fn every_call_that_there_is_has_a_name() {
        let named = CALLS.map(|(number, ..)| number);
        let unnamed = |number: &&u64| !named.contains(number);
        assert_eq!(super::super::number::ALL.iter().find(unnamed), None);
    }

    #[test_case]
    fn a_result_is_a_number_an_address_or_an_error_by_name() {
        assert_eq!(format!("{}", Outcome(0)), "0");
        assert_eq!(format!("{}", Outcome(0x50_0000)), "0x500000");
        assert_eq!(format!("{}", Outcome(14_u64.wrapping_neg())), "-14 EFAULT");
        assert_eq!(format!("{}", Outcome(40_u64.wrapping_neg())), "-40 ELOOP");
        assert_eq!(format!("{}", Outcome(1_u64.wrapping_neg())), "-1 EPERM");
    }
}
