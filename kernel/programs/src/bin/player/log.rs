//! What the processes of a script share: whose turn it is, who lives, and what was
//! told so far.
//!
//! It lies in a shared mapping. What must always hold: whoever has the turn is the
//! only one to tell something and to pass the turn on.

use core::fmt::{self, Write as _};
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};

use programs::errno::Errno;
use programs::faults::PAGE;
use programs::process::Ended;
use programs::{calls, print};

/// The most processes of a script.
pub(crate) const MOST: usize = 8;
/// The number of the one that plays none of the steps, and sees to the others.
pub(crate) const KEEPER: usize = MOST;

/// What a process is.
const ABSENT: usize = 0;
const ALIVE: usize = 1;
const GONE: usize = 2;

/// One process of a script.
struct Member {
    state: AtomicUsize,
    process: AtomicUsize,
    parent: AtomicUsize,
    /// Its status, as `wait4` has it, plus 1; 0 if nobody was told.
    status: AtomicUsize,
}

/// See the module.
pub(crate) struct Log {
    next: AtomicUsize,
    digest: AtomicU64,
    is_printed: AtomicUsize,
    members: [Member; MOST],
}

impl Log {
    /// One in new shared memory, where it stays.
    pub(crate) fn new() -> Result<&'static Self, Errno> {
        const _: () = assert!(size_of::<Log>() <= PAGE);
        let flags = calls::SHARED | calls::ANONYMOUS;
        let page = calls::map(PAGE, calls::READ | calls::WRITE, flags, usize::MAX)?;
        // SAFETY: a new page of zeroes, which are valid numbers, is never unmapped,
        // and all access to it is atomic.
        Ok(unsafe { &*(page as *const Self) })
    }

    /// Forgets everything for a new script.
    pub(crate) fn begin(&self, is_printed: bool) {
        self.next.store(0, SeqCst);
        self.digest.store(0xcbf2_9ce4_8422_2325, SeqCst);
        self.is_printed.store(is_printed.into(), SeqCst);
        for member in &self.members {
            member.state.store(ABSENT, SeqCst);
        }
    }

    /// Of all that was told: FNV-1a.
    pub(crate) fn digest(&self) -> u64 {
        self.digest.load(SeqCst)
    }

    /// Tells something, as a line.
    pub(crate) fn tell(&self, words: fmt::Arguments<'_>) {
        if self.is_printed.load(SeqCst) == 1 {
            print!("{words}\n");
        }
        let mut digest = Digest(self.digest());
        digest.write_fmt(words).expect("a digest takes all");
        self.digest.store(digest.0, SeqCst);
    }

    /// The step that is next.
    pub(crate) fn next(&self) -> usize {
        self.next.load(SeqCst)
    }

    /// Passes the turn on.
    pub(crate) fn pass(&self) {
        self.next.fetch_add(1, SeqCst);
    }

    /// Writes down a new process.
    pub(crate) fn born(&self, who: usize, process: usize, parent: usize) {
        let member = &self.members[who];
        member.process.store(process, SeqCst);
        member.parent.store(parent, SeqCst);
        member.status.store(0, SeqCst);
        member.state.store(ALIVE, SeqCst);
    }

    /// Looks which children of a process have ended.
    pub(crate) fn reap(&self, parent: usize) {
        for member in &self.members {
            if member.is(ALIVE)
                && member.parent.load(SeqCst) == parent
                && let Ok(Some(status)) = calls::ended(member.process.load(SeqCst))
            {
                member.status.store(status as usize + 1, SeqCst);
                member.state.store(GONE, SeqCst);
            }
        }
    }

    /// Whether a process has ended or never was. Only the keeper asks: to it the
    /// children go whose parents have ended.
    pub(crate) fn is_gone(&self, who: usize) -> bool {
        let member = &self.members[who];
        if member.is(ALIVE) {
            let parent = member.parent.load(SeqCst);
            let is_orphan = parent != KEEPER && self.members[parent].is(GONE);
            let process = member.process.load(SeqCst);
            if is_orphan
                && (matches!(calls::ended(process), Ok(Some(_)))
                    || calls::kill(process, 0).is_err())
            {
                member.state.store(GONE, SeqCst);
            }
        }
        !member.is(ALIVE)
    }

    /// How it ended, if its parent was told.
    pub(crate) fn end_of(&self, who: usize) -> Option<Ended> {
        let member = &self.members[who];
        let status = member.status.load(SeqCst).checked_sub(1)?;
        member.is(GONE).then(|| Ended::of(status as u32))
    }
}

impl Member {
    fn is(&self, state: usize) -> bool {
        self.state.load(SeqCst) == state
    }
}

struct Digest(u64);

impl fmt::Write for Digest {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
        Ok(())
    }
}
