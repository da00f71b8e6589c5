//! Changes below a link: each goes down one path, and notes spans and gaps anew
//! on the way back up.

use super::link::{Inner, Leaf, Link};
use super::node::Node;
use super::record::Record;
use super::row::{Row, Spanned};
use super::spares::Spares;

impl Link {
    /// A leaf with one record.
    pub(super) fn leaf(record: Record, spares: &mut Spares) -> Self {
        let mut leaf: Node<Leaf> = spares.take();
        leaf.insert(0, record);
        Self::Leaf(leaf)
    }

    /// An inner node above two nodes.
    pub(super) fn inner(lower: Self, upper: Self, spares: &mut Spares) -> Self {
        let mut inner: Node<Inner> = spares.take();
        inner.insert(0, lower);
        inner.insert(1, upper);
        Self::Inner(inner)
    }

    /// True for a root in whose place [`Self::into_only`] may stand.
    pub(super) fn is_needless(&self) -> bool {
        match self {
            Self::Leaf(leaf) => leaf.len() == 0,
            Self::Inner(inner) => inner.len() == 1,
        }
    }

    /// What a needless root has below it, if anything. Its node is spare then.
    pub(super) fn into_only(self, spares: &mut Spares) -> Option<Self> {
        match self {
            Self::Leaf(leaf) => {
                spares.put(leaf);
                None
            }
            Self::Inner(mut inner) => {
                let only = inner.remove(0);
                spares.put(inner);
                only
            }
        }
    }

    /// Inserts a record. If the node was full, its upper part is now the node
    /// that is returned.
    pub(super) fn insert(&mut self, record: Record, spares: &mut Spares) -> Option<Self> {
        match self {
            Self::Leaf(leaf) => {
                let index = leaf.up_to(record.base());
                insert_at(leaf, index, record, spares).map(Self::Leaf)
            }
            Self::Inner(inner) => {
                let index = inner.below(record.base()).unwrap_or(0);
                let upper = inner[index].insert(record, spares);
                inner.note(index);
                insert_at(inner, index + 1, upper?, spares).map(Self::Inner)
            }
        }
    }

    /// Takes the record with this base out. The node may be empty then.
    pub(super) fn remove(&mut self, base: u64, spares: &mut Spares) -> Option<Record> {
        match self {
            Self::Leaf(leaf) => {
                let index = leaf.below(base)?;
                if leaf[index].base() != base {
                    return None;
                }
                leaf.remove(index)
            }
            Self::Inner(inner) => {
                let index = inner.below(base)?;
                let record = inner[index].remove(base, spares);
                if record.is_some() {
                    tidy(inner, index, spares);
                }
                record
            }
        }
    }

    /// Changes the record with this base, which stays between its neighbours.
    pub(super) fn update(&mut self, base: u64, change: impl FnOnce(&mut Record)) -> Option<()> {
        match self {
            Self::Leaf(leaf) => {
                let index = leaf.below(base)?;
                change(Some(&mut leaf[index]).filter(|record| record.base() == base)?);
                leaf.note(index);
            }
            Self::Inner(inner) => {
                let index = inner.below(base)?;
                inner[index].update(base, change)?;
                inner.note(index);
            }
        }
        Some(())
    }

    /// Moves all entries of `right`, the next node of the same kind, to the end
    /// of this one, which has room.
    fn absorb(&mut self, right: Self, spares: &mut Spares) {
        match (self, right) {
            (Self::Leaf(left), Self::Leaf(mut right)) => {
                right.move_tail(0, left);
                spares.put(right);
            }
            (Self::Inner(left), Self::Inner(mut right)) => {
                right.move_tail(0, left);
                spares.put(right);
            }
            (Self::Leaf(_), Self::Inner(_)) | (Self::Inner(_), Self::Leaf(_)) => {
                unreachable!("the nodes below a node are of one kind")
            }
        }
    }
}

/// Inserts an entry. A full row is split first: in the middle, or, if the entry
/// comes last, so that this row stays full, since regions often come in order.
fn insert_at<T: Spanned, const N: usize>(
    row: &mut Row<T, N>,
    index: usize,
    value: T,
    spares: &mut Spares,
) -> Option<Node<Row<T, N>>> {
    if row.len() < N {
        row.insert(index, value);
        return None;
    }
    let kept = if index == N { N } else { N / 2 };
    let mut upper: Node<Row<T, N>> = spares.take();
    row.move_tail(kept, &mut upper);
    if index < kept {
        row.insert(index, value);
    } else {
        upper.insert(index - kept, value);
    }
    Some(upper)
}

/// Puts an inner node in order after a record was taken out below one of its
/// entries: an empty node goes, and one that is less than a quarter full is
/// joined with a neighbour if there is room to spare.
fn tidy(inner: &mut Inner, index: usize, spares: &mut Spares) {
    let (len, capacity) = (inner[index].len(), inner[index].capacity());
    if len == 0 {
        if let Some(empty) = inner.remove(index) {
            spares.put_link(empty);
        }
        return;
    }
    inner.note(index);
    if len >= capacity / 4 {
        return;
    }
    let fit = |left: &usize| {
        let right = left + 1;
        right < inner.len() && inner[*left].len() + inner[right].len() <= capacity / 4 * 3
    };
    let left = (index.saturating_sub(1)..=index).find(fit);
    let right = left.and_then(|left| inner.remove(left + 1));
    if let (Some(left), Some(right)) = (left, right) {
        inner[left].absorb(right, spares);
        inner.note(left);
    }
}
