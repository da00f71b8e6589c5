//! What is checked about each block with debug assertions or the feature
//! `checks`: that it is freed once, that nobody writes past its end, and that
//! nobody writes to a small one after it was freed.
//!
//! ```text
//! handed out:  | the caller's bytes | 16 bytes of CANARY | not used |
//! small, free: | link | POISON .................................. |
//! ```
//!
//! Without them [`ON`] is false, and what is left are the checks of `small`,
//! `medium` and `large`, which are always on: a wrong size class, a count below
//! zero, a hole that is freed, pages that are not handed out.
#![allow(unsafe_code)]

use core::alloc::Layout;
use core::ptr::NonNull;

use super::class::{Kind, SIZES};
use super::fail;

/// Whether blocks are checked.
pub(super) const ON: bool = cfg!(any(debug_assertions, feature = "checks"));

/// Bytes behind each block.
const CANARY_SIZE: usize = if ON { 16 } else { 0 };

const CANARY: u8 = 0xca;
const POISON: u8 = 0xdb;
/// What a new block holds, so that nobody relies on zeroes.
const FRESH: u8 = 0xf5;

/// Where the link of a free block ends.
const LINK: usize = size_of::<usize>();

/// The layout with room for the canary.
#[inline(always)]
pub(super) fn padded(layout: Layout) -> Option<Layout> {
    if !ON {
        return Some(layout);
    }
    let size = layout.size().checked_add(CANARY_SIZE)?;
    Layout::from_size_align(size, layout.align()).ok()
}

/// Fills a free block, but for its link.
///
/// # Safety
///
/// The block has `size` bytes, at least those of a link, and is nobody's.
#[inline(always)]
pub(super) unsafe fn poison(block: NonNull<u8>, size: usize) {
    if ON {
        // SAFETY: as the caller vouches.
        unsafe { block.add(LINK).write_bytes(POISON, size - LINK) };
    }
}

/// Fills bytes that are given back.
///
/// # Safety
///
/// They can be written and are nobody's.
pub(super) unsafe fn poison_all(start: NonNull<u8>, size: usize) {
    // SAFETY: as the caller vouches.
    unsafe { start.write_bytes(POISON, size) };
}

/// Checks that a small block is as it was when it was freed, and makes it look new.
///
/// # Safety
///
/// The block has `size` bytes and was just taken out of its list.
unsafe fn check_poison(block: NonNull<u8>, size: usize) {
    // SAFETY: as the caller vouches; all of it was written when it was freed.
    let bytes = unsafe { core::slice::from_raw_parts(block.as_ptr(), size) };
    let written = bytes.iter().skip(LINK).position(|&byte| byte != POISON);
    if let Some(offset) = written {
        fail::written_after_free(block, LINK + offset);
    }
    // SAFETY: as above.
    unsafe { block.write_bytes(FRESH, size) };
}

/// Makes a new block one that can be checked.
///
/// # Safety
///
/// It was just taken, is of this kind, and has room for a canary behind its
/// `size` bytes.
pub(super) unsafe fn seal(block: NonNull<u8>, size: usize, kind: Kind) {
    // SAFETY: as the caller vouches; a small block has all bytes of its class.
    unsafe {
        match kind {
            Kind::Small(class) => check_poison(block, SIZES[usize::from(class)].into()),
            Kind::Medium => block.write_bytes(FRESH, size),
            Kind::Large => {}
        }
        set_canary(block, size);
    }
}

/// Puts the canary behind a block of `size` bytes.
///
/// # Safety
///
/// The block was allocated with a padded layout.
pub(super) unsafe fn set_canary(block: NonNull<u8>, size: usize) {
    // SAFETY: the padding is behind the caller's bytes.
    unsafe { block.add(size).write_bytes(CANARY, CANARY_SIZE) };
}

/// Checks the canary behind a block of `size` bytes.
///
/// # Safety
///
/// The block was allocated with a padded layout, and the canary was set.
pub(super) unsafe fn check_canary(block: NonNull<u8>, size: usize) {
    // SAFETY: the padding is behind the caller's bytes.
    let canary = unsafe { core::slice::from_raw_parts(block.add(size).as_ptr(), CANARY_SIZE) };
    if canary.iter().all(|&byte| byte == POISON) {
        fail::freed_twice(block, size);
    }
    if let Some(last) = canary.iter().rposition(|&byte| byte != CANARY) {
        fail::written_past_the_end(block, size, last + 1);
    }
}
