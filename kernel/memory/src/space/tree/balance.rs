//! Changes of the tree, each on one path from the root, and the rotations that
//! keep it balanced.
//!
//! Every step on the way back up leaves its node [`balanced`](Tree::balanced)
//! and [`refreshed`](Tree::refreshed): that is all there is to keeping heights,
//! spans and gaps right.

use super::{Link, Node, Tree};
use crate::pool::Handle;
use crate::space::regions::Record;

impl Tree {
    pub(super) fn insert_below(
        &mut self,
        link: Link,
        new: Handle<Node>,
        base: u64,
    ) -> Handle<Node> {
        let Some(node) = link else {
            return self.refreshed(new);
        };
        if base < self.base(node) {
            let left = self.insert_below(self.pool.get(node).left, new, base);
            self.pool.get_mut(node).left = Some(left);
        } else {
            let right = self.insert_below(self.pool.get(node).right, new, base);
            self.pool.get_mut(node).right = Some(right);
        }
        self.balanced(node)
    }

    pub(super) fn remove_below(&mut self, link: Link, base: u64) -> (Link, Link) {
        let Some(node) = link else {
            return (None, None);
        };
        let Node { left, right, .. } = *self.pool.get(node);
        let here = self.base(node);
        let removed = if base < here {
            let (left, removed) = self.remove_below(left, base);
            self.pool.get_mut(node).left = left;
            removed
        } else if base > here {
            let (right, removed) = self.remove_below(right, base);
            self.pool.get_mut(node).right = right;
            removed
        } else {
            let rest = self.joined(left, right);
            let lone = self.pool.get_mut(node);
            (lone.left, lone.right, lone.height) = (None, None, 1);
            return (rest, Some(node));
        };
        (Some(self.balanced(node)), removed)
    }

    /// One tree of two neighbours whose heights differ by at most 1.
    fn joined(&mut self, left: Link, right: Link) -> Link {
        let (Some(_), Some(right)) = (left, right) else {
            return left.or(right);
        };
        let (rest, first) = self.take_first(right);
        let joint = self.pool.get_mut(first);
        (joint.left, joint.right) = (left, rest);
        Some(self.balanced(first))
    }

    /// Takes the first node out of a subtree; returns the rest and the node.
    fn take_first(&mut self, node: Handle<Node>) -> (Link, Handle<Node>) {
        let Node { left, right, .. } = *self.pool.get(node);
        let Some(left) = left else {
            return (right, node);
        };
        let (rest, first) = self.take_first(left);
        self.pool.get_mut(node).left = rest;
        (Some(self.balanced(node)), first)
    }

    pub(super) fn update_below(
        &mut self,
        link: Link,
        base: u64,
        change: &mut impl FnMut(&mut Record),
    ) {
        let Some(node) = link else { return };
        let here = self.base(node);
        if base < here {
            self.update_below(self.pool.get(node).left, base, change);
        } else if base > here {
            self.update_below(self.pool.get(node).right, base, change);
        } else {
            change(&mut self.pool.get_mut(node).record);
        }
        self.refreshed(node);
    }

    fn height(&self, link: Link) -> u8 {
        link.map_or(0, |node| self.pool.get(node).height)
    }

    /// Works out anew what a node knows of its subtree.
    fn refreshed(&mut self, node: Handle<Node>) -> Handle<Node> {
        let here = self.pool.get(node);
        let (base, end) = (here.record.region.base.as_u64(), here.record.region.end());
        let (left, right) = (here.left, here.right);
        let height = 1 + self.height(left).max(self.height(right));
        let (mut gap, mut first, mut last) = (0, base, end);
        if let Some(left) = left {
            let left = self.pool.get(left);
            gap = left.gap.max(base - left.end);
            first = left.start;
        }
        if let Some(right) = right {
            let right = self.pool.get(right);
            gap = gap.max(right.gap).max(right.start - end);
            last = right.end;
        }
        let here = self.pool.get_mut(node);
        (here.height, here.start, here.end, here.gap) = (height, first, last, gap);
        node
    }

    /// Restores the balance at a node whose subtrees are balanced and differ
    /// by at most 2; returns the node that stands in its place.
    fn balanced(&mut self, node: Handle<Node>) -> Handle<Node> {
        let Node { left, right, .. } = *self.pool.get(node);
        let (left_height, right_height) = (self.height(left), self.height(right));
        if let Some(left) = left.filter(|_| left_height > right_height + 1) {
            let below = self.pool.get(left);
            if let Some(inner) = below
                .right
                .filter(|_| self.height(below.right) > self.height(below.left))
            {
                let raised = self.rotate_left(left, inner);
                self.pool.get_mut(node).left = Some(raised);
                return self.rotate_right(node, raised);
            }
            return self.rotate_right(node, left);
        }
        if let Some(right) = right.filter(|_| right_height > left_height + 1) {
            let below = self.pool.get(right);
            if let Some(inner) = below
                .left
                .filter(|_| self.height(below.left) > self.height(below.right))
            {
                let raised = self.rotate_right(right, inner);
                self.pool.get_mut(node).right = Some(raised);
                return self.rotate_left(node, raised);
            }
            return self.rotate_left(node, right);
        }
        self.refreshed(node)
    }

    /// Raises `left`, the left child of `node`, above it.
    fn rotate_right(&mut self, node: Handle<Node>, left: Handle<Node>) -> Handle<Node> {
        self.pool.get_mut(node).left = self.pool.get(left).right;
        self.refreshed(node);
        self.pool.get_mut(left).right = Some(node);
        self.refreshed(left)
    }

    /// Raises `right`, the right child of `node`, above it.
    fn rotate_left(&mut self, node: Handle<Node>, right: Handle<Node>) -> Handle<Node> {
        self.pool.get_mut(node).right = self.pool.get(right).left;
        self.refreshed(node);
        self.pool.get_mut(right).left = Some(node);
        self.refreshed(right)
    }
}
