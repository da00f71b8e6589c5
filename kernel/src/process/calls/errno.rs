//! Why a system call failed, with Linux's numbers.

/// An error number; the program sees it negated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Errno(u16);

impl Errno {
    /// ESRCH: no such process.
    pub const NO_PROCESS: Self = Self(3);
    /// ECHILD: no such child.
    pub const NO_CHILD: Self = Self(10);
    /// EAGAIN: there are as many of it as there may be.
    pub const TRY_AGAIN: Self = Self(11);
    /// ENOMEM: not enough memory.
    pub const NO_MEMORY: Self = Self(12);
    /// EBADF: no such open file.
    pub const BAD_FILE: Self = Self(9);
    /// EACCES: the permissions do not allow it.
    pub const NO_ACCESS: Self = Self(13);
    /// EFAULT: the program may not access this memory.
    pub const BAD_ADDRESS: Self = Self(14);
    /// EEXIST: it must not exist, but does.
    pub const EXISTS: Self = Self(17);
    /// EINVAL: an argument makes no sense.
    pub const INVALID: Self = Self(22);
    /// ENOSYS: there is no such system call.
    pub const NO_SUCH_CALL: Self = Self(38);
    /// EPERM: not allowed.
    pub const NOT_PERMITTED: Self = Self(1);

    /// The number.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }

    /// What the program finds in RAX.
    #[must_use]
    pub const fn as_result(self) -> u64 {
        (self.0 as u64).wrapping_neg()
    }
}
