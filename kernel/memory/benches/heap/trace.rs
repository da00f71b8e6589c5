//! A real program's allocations, played to an allocator.
//!
//! `program.trace` was recorded by a global allocator that notes each call,
//! in a program that reads ten of this crate's source files one after the other
//! with `syn` 2 (all features of parsing), turns each tree into tokens and
//! those into text, keeps every second tree, and drops half of what it keeps
//! after the eighth file. The addresses were left out, the alignments are 8:
//!
//! ```text
//! number = 7 bits a byte, the lowest first; bit 7: another byte follows
//! event  = number, by its low two bits:
//!          0: allocate, number / 4 bytes    1: free the block of age number / 4
//!          2: resize the block of age number / 4; the new size follows
//! age    = how many allocations have followed that of the block
//! ```

use std::alloc::Layout;
use std::ptr::NonNull;

use crate::peers::Peer;

static PROGRAM: &[u8] = include_bytes!("program.trace");

/// Events between two looks at what is resident.
const STRIDE: usize = 512;

enum Event {
    Allocate(usize),
    Free(usize),
    Resize(usize, usize),
}

/// The events of a trace, blocks named by the number of their allocation.
struct Events {
    rest: &'static [u8],
    allocations: usize,
}

impl Events {
    fn number(&mut self) -> Option<usize> {
        let length = self.rest.iter().position(|byte| byte & 0x80 == 0)? + 1;
        let (bytes, rest) = self.rest.split_at(length);
        self.rest = rest;
        let digits = bytes.iter().rev();
        Some(digits.fold(0, |number, byte| number << 7 | usize::from(byte & 0x7f)))
    }
}

impl Iterator for Events {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        let number = self.number()?;
        let value = number / 4;
        Some(match number % 4 {
            0 => {
                self.allocations += 1;
                Event::Allocate(value)
            }
            1 => Event::Free(self.allocations - 1 - value),
            _ => Event::Resize(self.allocations - 1 - value, self.number()?),
        })
    }
}

fn events() -> Events {
    Events {
        rest: PROGRAM,
        allocations: 0,
    }
}

fn layout(size: usize) -> Layout {
    Layout::from_size_align(size, 8).expect("8 is a power of two")
}

/// Plays the trace, and prints what it took at its peak.
pub(crate) fn fragmentation<P: Peer>() {
    let mut peer = P::new();
    let allocations = events().filter(|event| matches!(event, Event::Allocate(_)));
    // All of it is touched before the measurement begins.
    let mut blocks = vec![Some((NonNull::<u8>::dangling(), 0)); allocations.count()];
    let before = peer.resident();
    let mut next = 0;
    let (mut live, mut peak_live, mut peak, mut count) = (0, 0, 0, 0);
    let take = |peer: &mut P, size: usize| {
        let block = peer.take(layout(size));
        // SAFETY: the block is that long.
        unsafe { block.write_bytes(1, size) };
        (block, size)
    };
    for event in events() {
        match event {
            Event::Allocate(size) => {
                blocks[next] = Some(take(&mut peer, size));
                next += 1;
                live += size;
            }
            Event::Free(which) => {
                let (block, size) = blocks[which].take().expect("a live block");
                peer.give(block, layout(size));
                live -= size;
            }
            Event::Resize(which, size) => {
                let (block, old) = blocks[which].take().expect("a live block");
                blocks[which] = Some(take(&mut peer, size));
                peer.give(block, layout(old));
                live = live + size - old;
            }
        }
        peak_live = peak_live.max(live);
        count += 1;
        if count % STRIDE == 0 {
            peak = peak.max(peer.resident().saturating_sub(before));
        }
    }
    println!(
        "  {:23} {:.3}  ({peak} of {peak_live} bytes, {count} events)",
        P::NAME,
        peak as f64 / peak_live as f64
    );
}
