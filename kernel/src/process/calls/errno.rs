//! Why a system call failed, with Linux's numbers.

/// An error number; the program sees it negated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Errno(u64);

impl Errno {
    /// EPERM: not allowed.
    pub const NOT_PERMITTED: Self = Self(1);
    /// ENOENT: no such file or folder.
    pub const NO_ENTRY: Self = Self(2);
    /// ESRCH: no such process.
    pub const NO_PROCESS: Self = Self(3);
    /// EIO: the disk does not read it.
    pub const DISK_FAILED: Self = Self(5);
    /// E2BIG: more arguments than there is room for.
    pub const TOO_BIG: Self = Self(7);
    /// ENOEXEC: a file that is no program.
    pub const NOT_EXECUTABLE: Self = Self(8);
    /// EBADF: no such open file.
    pub const BAD_FILE: Self = Self(9);
    /// ECHILD: no such child.
    pub const NO_CHILD: Self = Self(10);
    /// EAGAIN: there are as many of it as there may be, or nothing can be done just now.
    pub const TRY_AGAIN: Self = Self(11);
    /// ENOMEM: not enough memory.
    pub const NO_MEMORY: Self = Self(12);
    /// EACCES: the permissions do not allow it.
    pub const NO_ACCESS: Self = Self(13);
    /// EFAULT: the program may not access this memory.
    pub const BAD_ADDRESS: Self = Self(14);
    /// EEXIST: it must not exist, but does.
    pub const EXISTS: Self = Self(17);
    /// ENODEV: it cannot be mapped.
    pub const NO_DEVICE: Self = Self(19);
    /// ENOTDIR: no folder.
    pub const NOT_FOLDER: Self = Self(20);
    /// EISDIR: a folder.
    pub const IS_FOLDER: Self = Self(21);
    /// EINVAL: an argument makes no sense.
    pub const INVALID: Self = Self(22);
    /// EMFILE: as many open files as there may be.
    pub const TOO_MANY_OPEN: Self = Self(24);
    /// ENOTTY: no terminal.
    pub const NOT_TERMINAL: Self = Self(25);
    /// EFBIG: larger than a file may be.
    pub const FILE_TOO_LARGE: Self = Self(27);
    /// ENOSPC: no frame for what is written.
    pub const NO_SPACE: Self = Self(28);
    /// ESPIPE: what has no position.
    pub const NO_POSITION: Self = Self(29);
    /// EROFS: the archive is read only.
    pub const READ_ONLY: Self = Self(30);
    /// EPIPE: nobody reads what is written.
    pub const NO_READER: Self = Self(32);
    /// ERANGE: more than there is room for.
    pub const NO_ROOM: Self = Self(34);
    /// ENAMETOOLONG: a path, or a part of it, is too long.
    pub const NAME_TOO_LONG: Self = Self(36);
    /// ENOSYS: there is no such system call.
    pub const NO_SUCH_CALL: Self = Self(38);
    /// ELOOP: too many links.
    pub const TOO_MANY_LINKS: Self = Self(40);
    /// EOVERFLOW: more than can be counted.
    pub const TOO_LARGE: Self = Self(75);

    /// The number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }

    /// What the program finds in RAX.
    #[must_use]
    pub const fn as_result(self) -> u64 {
        self.0.wrapping_neg()
    }
}
