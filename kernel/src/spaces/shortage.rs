//! Frames are short: whoever can make some free is asked, before anything fails.
//!
//! What must always hold: it is asked with no lock of memory or of the heap held, and
//! what failed is tried again only if some came free.

use spin::Once;

use super::memory;

/// Makes so many frames free, or as many as it can; false if that is none.
pub type Relief = fn(u64) -> bool;

/// Who is asked.
static RELIEF: Once<Relief> = Once::new();

/// Says who is asked when frames are short. The first call counts.
pub fn on_shortage(relief: Relief) {
    RELIEF.call_once(|| relief);
}

/// Called when something failed: if frames were missing, and some came free, it is
/// to be tried again.
pub(crate) fn relieve() -> bool {
    let missing = memory().take_missing();
    missing > 0 && RELIEF.get().is_some_and(|relief| relief(missing))
}

/// Does `attempt`, and again as long as it fails for frames that come free.
pub(crate) fn relieved<T, E>(mut attempt: impl FnMut() -> Result<T, E>) -> Result<T, E> {
    // What nobody was told of was some other failure's.
    let _ = memory().take_missing();
    loop {
        let result = attempt();
        if result.is_ok() || !relieve() {
            return result;
        }
    }
}
