//! Errors of system calls, by Linux's numbers and names.

use core::fmt;

/// An error's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Errno(pub usize);

/// The names of those that a program here can meet.
const NAMES: [(usize, &str); 19] = [
    (1, "EPERM"),
    (2, "ENOENT"),
    (3, "ESRCH"),
    (4, "EINTR"),
    (6, "ENXIO"),
    (7, "E2BIG"),
    (9, "EBADF"),
    (10, "ECHILD"),
    (11, "EAGAIN"),
    (12, "ENOMEM"),
    (13, "EACCES"),
    (14, "EFAULT"),
    (17, "EEXIST"),
    (19, "ENODEV"),
    (22, "EINVAL"),
    (27, "EFBIG"),
    (29, "ESPIPE"),
    (38, "ENOSYS"),
    (95, "EOPNOTSUPP"),
];

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.iter().find(|(number, _)| *number == self.0) {
            Some((_, name)) => f.write_str(name),
            None => write!(f, "error {}", self.0),
        }
    }
}
