//! The panics of wrong calls. Each says which block it was about, what was wrong,
//! and what would be right.

use core::ptr::NonNull;

use super::source::Pages;
use crate::words::Count;

/// A number of bytes, in words.
fn bytes(size: usize) -> Count<'static> {
    Count(size as u64, "byte")
}

#[cold]
#[inline(never)]
pub(super) fn no_such_extent(extent: Pages, size: usize) -> ! {
    panic!(
        "heap: the source answered {extent:x?} to a request for {size:#x} bytes: an extent has \
         exactly that size, and is aligned to 2 MiB"
    )
}

#[cold]
#[inline(never)]
pub(super) fn not_of_this_size(block: NonNull<u8>, size: usize) -> ! {
    panic!(
        "heap: {block:p} is freed as a block of {} and is none: a block is freed once, \
         with the layout that it was allocated with",
        bytes(size)
    )
}

#[cold]
#[inline(never)]
pub(super) fn freed_too_often(block: NonNull<u8>) -> ! {
    panic!(
        "heap: {block:p} is freed, and all blocks around it are free already: \
         some block there was freed twice"
    )
}

#[cold]
#[inline(never)]
pub(super) fn not_handed_out(block: NonNull<u8>, size: usize) -> ! {
    panic!(
        "heap: {block:p} is freed as a block of {}, and not all of that is handed out: \
         it was freed before, or with another layout",
        bytes(size)
    )
}

#[cold]
#[inline(never)]
pub(super) fn freed_twice(block: NonNull<u8>, size: usize) -> ! {
    panic!(
        "heap: the block of {} at {block:p} is freed twice",
        bytes(size)
    )
}

#[cold]
#[inline(never)]
pub(super) fn written_past_the_end(block: NonNull<u8>, size: usize, past: usize) -> ! {
    panic!(
        "heap: somebody wrote past the end of the block of {} at {block:p}, \
         to byte {} of it, counted from 0",
        bytes(size),
        size + past - 1
    )
}

#[cold]
#[inline(never)]
pub(super) fn written_after_free(block: NonNull<u8>, offset: usize) -> ! {
    panic!("heap: somebody wrote to byte {offset} of the block at {block:p} after it was freed")
}
