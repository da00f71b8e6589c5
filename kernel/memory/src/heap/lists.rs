//! The two lists that chunks are in, linked through their headers: all of them,
//! and those with a free span. Both are rarely changed: when a chunk comes or
//! goes, and when its last free span is taken or its first one given back.
#![allow(unsafe_code)]

use core::ptr::null_mut;

use super::chunk::{Chunk, Links};

/// Which of a chunk's links a list uses.
#[derive(Clone, Copy)]
pub(super) enum Which {
    All,
    Open,
}

/// # Safety
///
/// The chunk has a header.
unsafe fn links<'a>(chunk: *mut Chunk, which: Which) -> &'a mut Links {
    // SAFETY: the caller vouches for the header; its links are only borrowed
    // here, one at a time.
    unsafe {
        match which {
            Which::All => &mut (*chunk).all,
            Which::Open => &mut (*chunk).open,
        }
    }
}

/// Puts a chunk at the head of a list.
///
/// # Safety
///
/// The chunk and all in the list have headers, and it is not in the list.
pub(super) unsafe fn push(head: &mut *mut Chunk, chunk: *mut Chunk, which: Which) {
    let next = *head;
    // SAFETY: the caller vouches for the headers.
    unsafe {
        *links(chunk, which) = Links {
            next,
            previous: null_mut(),
        };
        if !next.is_null() {
            links(next, which).previous = chunk;
        }
    }
    *head = chunk;
}

/// Takes a chunk out of a list.
///
/// # Safety
///
/// The chunk and all in the list have headers, and it is in the list.
pub(super) unsafe fn remove(head: &mut *mut Chunk, chunk: *mut Chunk, which: Which) {
    // SAFETY: the caller vouches for the headers.
    unsafe {
        let Links { next, previous } = *links(chunk, which);
        if previous.is_null() {
            *head = next;
        } else {
            links(previous, which).next = next;
        }
        if !next.is_null() {
            links(next, which).previous = previous;
        }
    }
}
