//! What a node is, and the searches: each goes down one path.

use super::node::{Node, ROOM};
use super::record::Record;
use super::row::{Row, Span, Spanned, capacity};

/// A node with records.
pub(super) type Leaf = Row<Record, { capacity(ROOM, size_of::<Option<Record>>()) }>;

/// A node above other nodes, which are all of one kind.
pub(super) type Inner = Row<Link, { capacity(ROOM, LINK) }>;

/// Bytes of a link, which the compiler cannot be asked for within its own type:
/// a pointer and which kind it is.
const LINK: usize = 2 * size_of::<usize>();
const _: () = assert!(size_of::<Option<Link>>() == LINK);

/// What is below an entry of an inner node, or below the root.
pub(super) enum Link {
    Leaf(Node<Leaf>),
    Inner(Node<Inner>),
}

impl Link {
    /// Entries of the node.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Leaf(leaf) => leaf.len(),
            Self::Inner(inner) => inner.len(),
        }
    }

    /// Entries that the node has room for in all.
    pub(super) fn capacity(&self) -> usize {
        match self {
            Self::Leaf(_) => Leaf::CAPACITY,
            Self::Inner(_) => Inner::CAPACITY,
        }
    }

    /// The last record with a base up to `address`.
    #[inline]
    pub(super) fn below(&self, address: u64) -> Option<&Record> {
        let mut link = self;
        loop {
            match link {
                Self::Leaf(leaf) => return Some(&leaf[leaf.below(address)?]),
                Self::Inner(inner) => link = &inner[inner.below(address)?],
            }
        }
    }

    /// The record that holds `address`, to change what the tree does not sort by.
    #[inline(always)]
    pub(super) fn find_mut(&mut self, address: u64) -> Option<&mut Record> {
        let mut link = self;
        loop {
            match link {
                Self::Leaf(leaf) => {
                    let index = leaf.below(address)?;
                    return Some(&mut leaf[index]).filter(|record| record.contains(address));
                }
                Self::Inner(inner) => {
                    let index = inner.below(address)?;
                    link = &mut inner[index];
                }
            }
        }
    }

    /// The first record that ends at `address` or after it.
    pub(super) fn from(&self, address: u64) -> Option<&Record> {
        let mut link = self;
        loop {
            match link {
                Self::Leaf(leaf) => return Some(&leaf[leaf.from(address)?]),
                Self::Inner(inner) => link = &inner[inner.from(address)?],
            }
        }
    }

    /// New nodes that inserting a record with this base takes at most, as
    /// one of so many insertions below this root.
    pub(super) fn splits(&self, base: u64, insertions: usize) -> u64 {
        let mut link = self;
        let mut splits = 1; // a new root
        loop {
            // A node with room for all of them stops the splitting below it.
            let has_room = link.capacity() - link.len() >= insertions;
            splits = if has_room { 0 } else { splits + 1 };
            match link {
                Self::Leaf(_) => return splits,
                Self::Inner(inner) => link = &inner[inner.below(base).unwrap_or(0)],
            }
        }
    }
}

impl Spanned for Link {
    fn span(&self) -> Span {
        match self {
            Self::Leaf(leaf) => leaf.span(),
            Self::Inner(inner) => inner.span(),
        }
    }
}
