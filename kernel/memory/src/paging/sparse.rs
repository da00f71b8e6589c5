//! A sparse array of 64-bit words, in a tree of tables like that of a page table:
//! the index of a word stands in the place of a page's number.
//!
//! ```text
//! 35     27 26     18 17      9 8       0
//! +--------+---------+---------+---------+
//! | level 4| level 3 | level 2 | level 1 |   an index: 2^36 words at most
//! +--------+---------+---------+---------+
//! ```
//!
//! No processor walks it. What must always hold: a word other than 0 has its
//! tables; a table without such a word is not kept longer than the operation
//! that made it, or that cleared its last word.
#![allow(unsafe_code)]

use core::ops::Range;
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;

use x86_64::structures::paging::PhysFrame;

use super::cursor::Cursor;
use super::entry::Entry;
use super::geometry::LeafSize;
use super::table::Table;
use crate::direct_map::DirectMap;
use crate::frames::Frames;

/// A table is missing on the way to a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoTable;

/// The array. All words are 0 at first.
#[derive(Clone, Debug)]
pub(crate) struct Sparse {
    direct_map: DirectMap,
    /// None as long as all words are 0.
    cursor: Option<Cursor>,
}

impl Sparse {
    /// Words that an array has room for.
    pub(crate) const CAPACITY: u64 = 1 << 36;

    pub(crate) const fn new(direct_map: DirectMap) -> Self {
        Self {
            direct_map,
            cursor: None,
        }
    }

    /// The array below a root that [`Self::root`] named before.
    pub(crate) fn below(root: Option<Table>, direct_map: DirectMap) -> Self {
        let cursor = root.map(|root| Cursor::new(direct_map, root, 4, 0));
        Self { direct_map, cursor }
    }

    /// The root of its tables, if it has any.
    pub(crate) fn root(&self) -> Option<Table> {
        self.cursor.as_ref().map(Cursor::root)
    }

    /// The place of the word with this index, to read and write it. `NoTable`
    /// means that it is 0.
    #[inline]
    pub(crate) fn word(&mut self, index: u64) -> Result<Word<'_>, NoTable> {
        let (words, above) = self.table(index)?;
        let place = &words[index as usize % 512];
        let bits = place.load(Relaxed);
        Ok(Word { bits, place, above })
    }

    /// The words with these indices, which stand in one table.
    pub(crate) fn row(&mut self, indices: Range<u64>) -> Result<Row<'_>, NoTable> {
        let (words, above) = self.table(indices.start)?;
        let first = indices.start as usize % 512;
        let words = &words[first..][..(indices.end - indices.start) as usize];
        Ok(Row { words, above })
    }

    /// The table that holds a word, and the entry above.
    #[inline]
    fn table(&mut self, index: u64) -> Result<(&[AtomicU64; 512], &AtomicU64), NoTable> {
        let cursor = self.cursor.as_mut().ok_or(NoTable)?;
        let is_near = cursor.level() == 1 && cursor.address() / place(512) == index / 512;
        if !is_near {
            walk_to_leaf_table(cursor, index)?;
        }
        Ok(cursor.leaf_table())
    }

    /// The word with this index.
    pub(crate) fn get(&mut self, index: u64) -> u64 {
        self.word(index).map_or(0, |word| word.bits)
    }

    /// Writes a word whose table is there.
    pub(crate) fn set(&mut self, index: u64, bits: u64) {
        if let Ok(word) = self.word(index) {
            word.set(bits);
        }
    }

    /// How many tables are missing on the way to a word.
    pub(crate) fn missing(&mut self, index: u64) -> u8 {
        let Some(cursor) = &mut self.cursor else {
            return 4;
        };
        cursor.seek(place(index));
        cursor.level() - 1
    }

    /// Names the tables.
    pub(crate) fn tables(&self, mut see: impl FnMut(PhysFrame)) {
        if let Some(cursor) = &self.cursor {
            see(cursor.root().frame());
            cursor.tables_below_root(0..512, &mut see);
        }
    }

    /// Links one table of those that are missing on the way to a word. It comes
    /// back if none is.
    #[inline(never)]
    pub(crate) fn link(&mut self, index: u64, table: Table) -> Option<Table> {
        let Some(cursor) = &mut self.cursor else {
            self.cursor = Some(Cursor::new(self.direct_map, table, 4, place(index)));
            return None;
        };
        cursor.seek(place(index));
        if cursor.level() == 1 {
            return Some(table);
        }
        cursor.descend(table);
        None
    }

    /// Sees to it that a word has its tables, with the one that is at hand.
    #[inline]
    pub(crate) fn reach(&mut self, index: u64, spare: &mut Option<Table>) -> Result<(), NoTable> {
        while self.word(index).is_err() {
            let table = spare.take().ok_or(NoTable)?;
            *spare = self.link(index, table);
        }
        Ok(())
    }

    /// Gives the tables on the way to a word back that hold nothing but 0, and
    /// returns how many that were. No table leads to an index past the last word.
    pub(crate) fn trim(&mut self, index: u64, frames: &mut Frames) -> u64 {
        let cursor = self.cursor.as_mut().filter(|_| index < Self::CAPACITY);
        let Some(cursor) = cursor else { return 0 };
        let mut trimmed = 0;
        cursor.seek(place(index));
        while let Some(table) = cursor.prune() {
            // SAFETY: nothing points to it any more; no processor walks it.
            frames.free(unsafe { table.into_frame() });
            trimmed += 1;
        }
        if cursor.level() == 4 && cursor.table_entries().all(|entry| entry == Entry::UNUSED) {
            let root = cursor.root();
            self.cursor = None;
            // SAFETY: the one cursor is gone, and no processor walks it.
            frames.free(unsafe { root.into_frame() });
            trimmed += 1;
        }
        trimmed
    }

    /// Gives all tables back. All words are 0.
    pub(crate) fn clear(&mut self, frames: &mut Frames) {
        let mut index = 0;
        while index < Self::CAPACITY
            && let Some(cursor) = &mut self.cursor
        {
            cursor.seek(place(index));
            let next = cursor.next_start() / place(1);
            if cursor.level() == 4 {
                index = next;
            } else {
                self.trim(index, frames);
            }
        }
        self.trim(0, frames);
    }

    /// The first word other than 0 with one of these indices, which may go past the
    /// last word; with its index.
    pub(crate) fn next(&mut self, indices: Range<u64>) -> Option<(u64, u64)> {
        let cursor = self.cursor.as_mut()?;
        let (mut index, end) = (indices.start, indices.end.min(Self::CAPACITY));
        while index < end {
            cursor.seek(place(index));
            if cursor.level() == 1 && cursor.entry() != Entry::UNUSED {
                return Some((index, cursor.entry().bits()));
            }
            index = cursor.next_in_use(place(end)) / place(1);
        }
        None
    }

    /// The first of these indices whose word is 0. Tables that are full are passed
    /// over whole.
    pub(crate) fn first_zero(&mut self, indices: Range<u64>) -> Option<u64> {
        let Range { start, end } = indices;
        let Some(cursor) = &mut self.cursor else {
            return (start < end).then_some(start);
        };
        let mut index = start;
        while index < end {
            cursor.seek(place(index));
            if cursor.entry() == Entry::UNUSED {
                return Some(index);
            }
            index = match cursor.entry_at(2).in_use() {
                512 => (index / 512 + 1) * 512,
                _ => index + 1,
            };
        }
        None
    }
}

/// A word whose tables are there.
pub(crate) struct Word<'a> {
    /// What it is.
    pub(crate) bits: u64,
    place: &'a AtomicU64,
    above: &'a AtomicU64,
}

impl Word<'_> {
    /// Writes it, and counts it in the entry above. Returns true if that leaves no
    /// word in its table that is not 0: the table is to be trimmed.
    #[inline]
    pub(crate) fn set(self, bits: u64) -> bool {
        self.place.store(bits, Relaxed);
        let above = Entry::from_bits(self.above.load(Relaxed));
        let counted = match (self.bits == 0, bits == 0) {
            (true, false) => above.with_one_more(),
            (false, true) => above.with_one_fewer(),
            (true, true) | (false, false) => return false,
        };
        self.above.store(counted.bits(), Relaxed);
        counted.in_use() == 0
    }
}

/// Words in a row, whose table is there.
pub(crate) struct Row<'a> {
    words: &'a [AtomicU64],
    above: &'a AtomicU64,
}

impl Row<'_> {
    /// What they are.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u64> {
        self.words.iter().map(|word| word.load(Relaxed))
    }

    /// Writes `bits`, which is not 0, to all of them. They are 0.
    pub(crate) fn fill(self, bits: u64) {
        debug_assert!(bits != 0 && self.iter().all(|before| before == 0));
        for word in self.words {
            word.store(bits, Relaxed);
        }
        let above = Entry::from_bits(self.above.load(Relaxed));
        let counted = above.with_in_use(above.in_use() + self.words.len() as u64);
        self.above.store(counted.bits(), Relaxed);
    }

    /// Makes each of them more by 1. None is 0.
    pub(crate) fn increment(self) {
        debug_assert!(self.iter().all(|before| before != 0));
        for word in self.words {
            word.store(word.load(Relaxed) + 1, Relaxed);
        }
    }
}

/// Moves to the table that holds a word.
#[cold]
#[inline(never)]
fn walk_to_leaf_table(cursor: &mut Cursor, index: u64) -> Result<(), NoTable> {
    if index >= Sparse::CAPACITY {
        return Err(NoTable);
    }
    cursor.walk_to(place(index));
    if cursor.level() > 1 {
        return Err(NoTable);
    }
    Ok(())
}

/// Where the entry for a word stands in the tree.
const fn place(index: u64) -> u64 {
    index * LeafSize::Size4KiB.bytes()
}
