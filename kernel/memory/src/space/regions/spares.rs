//! The frames of the nodes: those in use are counted, those not in use are
//! kept in a list, in themselves.

use super::link::Link;
use super::node::{Blank, Node};
use crate::direct_map::DirectMap;
use crate::frames::{FrameKind, Frames, OutOfFrames};

/// Where nodes come from and go to.
pub(super) struct Spares {
    direct_map: DirectMap,
    first: Option<Node<Spare>>,
    /// How many there are in the list.
    len: u64,
    /// How many nodes there are, with these.
    nodes: u64,
}

/// What a node holds that is not in use.
pub(super) struct Spare {
    next: Option<Node<Spare>>,
}

impl Blank for Spare {
    const BLANK: Self = Self { next: None };
}

impl Spares {
    pub(super) const fn new(direct_map: DirectMap) -> Self {
        Self {
            direct_map,
            first: None,
            len: 0,
            nodes: 0,
        }
    }

    pub(super) fn direct_map(&self) -> DirectMap {
        self.direct_map
    }

    /// Nodes in use and not in use.
    pub(super) fn nodes(&self) -> u64 {
        self.nodes
    }

    /// Nodes not in use.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// All nodes that are not in use.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Node<Spare>> {
        core::iter::successors(self.first.as_ref(), |spare| spare.next.as_ref())
    }

    /// Makes sure that at least `len` nodes are there.
    ///
    /// # Errors
    ///
    /// [`OutOfFrames`]: a frame was needed; nothing has changed.
    pub(super) fn fill(&mut self, len: u64, frames: &mut Frames) -> Result<(), OutOfFrames> {
        let before = self.len;
        while self.len < len {
            match frames.allocate(FrameKind::Kernel) {
                Ok(frame) => {
                    self.nodes += 1;
                    self.keep(Node::new(frame, self.direct_map));
                }
                Err(error) => {
                    self.give_back(before, frames);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Gives all but `len` nodes back to the allocator.
    pub(super) fn give_back(&mut self, len: u64, frames: &mut Frames) {
        while self.len > len {
            let spare = self.pop();
            frames.free(spare.into_frame());
            self.nodes -= 1;
        }
    }

    /// A blank node. One must be there: see [`Self::fill`].
    pub(super) fn take<T: Blank>(&mut self) -> Node<T> {
        Node::new(self.pop().into_frame(), self.direct_map)
    }

    /// Puts a node aside whose value owns nothing any more.
    pub(super) fn put<T>(&mut self, node: Node<T>) {
        self.keep(Node::new(node.into_frame(), self.direct_map));
    }

    /// Puts a node aside that has no entries.
    pub(super) fn put_link(&mut self, link: Link) {
        match link {
            Link::Leaf(leaf) => self.put(leaf),
            Link::Inner(inner) => self.put(inner),
        }
    }

    fn keep(&mut self, mut spare: Node<Spare>) {
        spare.next = self.first.take();
        self.first = Some(spare);
        self.len += 1;
    }

    fn pop(&mut self) -> Node<Spare> {
        let mut spare = self.first.take().expect("nodes were reserved");
        self.first = spare.next.take();
        self.len -= 1;
        spare
    }
}
