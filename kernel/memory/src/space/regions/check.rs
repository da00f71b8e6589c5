//! The tree as an audit sees it: each node's frame is shown before the node is
//! read, and what is found is checked before it is followed.

use x86_64::PhysAddr;

use super::Regions;
use super::link::Link;
use super::node::Node;
use super::record::Record;
use super::row::{Row, Spanned};

/// What an audit of the regions meets.
#[derive(Debug)]
pub(crate) enum Met<'r> {
    /// A node's frame, before anything in it is read.
    Frame(PhysAddr),
    /// A record; they come in the order of their addresses.
    Record(&'r Record),
}

/// What is wrong with the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Defect {
    /// A node names another frame as its own.
    Frame {
        /// The frame in which it lies.
        node: PhysAddr,
    },
    /// The leaves below a node are not all on one level.
    Level {
        /// The frame in which it lies.
        node: PhysAddr,
    },
    /// The length, the slots and the values of a node do not fit together.
    Filling {
        /// The frame in which it lies.
        node: PhysAddr,
    },
    /// The entries of a node are not in order.
    Order {
        /// The frame in which it lies.
        node: PhysAddr,
    },
    /// The largest gap of a node is not what it says.
    Gap {
        /// The frame in which it lies.
        node: PhysAddr,
    },
    /// What a node notes of an entry is not what is there.
    Note {
        /// The frame in which it lies.
        node: PhysAddr,
        /// The place of the entry in it.
        entry: usize,
    },
    /// Not as many records were found as are counted.
    Records {
        /// How many were found.
        found: u64,
    },
    /// Not as many nodes were found as are counted.
    Nodes {
        /// How many were found.
        found: u64,
    },
    /// The last hit is not the record of its addresses.
    LastHit,
}

impl Regions {
    /// Shows all frames and records to `meet` and checks the tree. It ends
    /// whatever the nodes say, if `meet` refuses a frame that it met before.
    ///
    /// # Errors
    ///
    /// The first [`Defect`], or what `meet` says.
    pub(crate) fn check<E: From<Defect>>(
        &self,
        meet: &mut impl FnMut(Met<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut check = Check {
            regions: self,
            meet,
            records: 0,
            nodes: 0,
        };
        if let Some(root) = self.tree.root() {
            check.link(root, self.height)?;
        }
        for spare in self.spares.iter().take(self.spares.len() as usize + 1) {
            check.frame(spare)?;
        }
        require(
            check.records == self.len,
            Defect::Records {
                found: check.records,
            },
        )?;
        let nodes = check.nodes;
        require(nodes == self.spares.nodes(), Defect::Nodes { found: nodes })?;
        require(self.is_current(), Defect::LastHit)
    }

    /// True if the last hit, if there is one, is what a search finds.
    pub(crate) fn is_current(&self) -> bool {
        self.tree.last().is_none_or(|last| {
            let found = self.find(last.base());
            found.is_some_and(|found| core::ptr::eq(found, last))
        })
    }
}

fn require<E: From<Defect>>(is_right: bool, defect: Defect) -> Result<(), E> {
    if is_right { Ok(()) } else { Err(defect.into()) }
}

struct Check<'r, M> {
    regions: &'r Regions,
    meet: M,
    records: u64,
    nodes: u64,
}

impl<E: From<Defect>, M: FnMut(Met<'_>) -> Result<(), E>> Check<'_, M> {
    /// A node and all below it, on the level `level`; leaves are on level 1.
    fn link(&mut self, link: &Link, level: u8) -> Result<(), E> {
        match link {
            Link::Leaf(leaf) => {
                let frame = self.row(leaf)?;
                require(level == 1, Defect::Level { node: frame })?;
                for index in 0..leaf.len() {
                    require(
                        leaf.is_noted(index),
                        Defect::Note {
                            node: frame,
                            entry: index,
                        },
                    )?;
                    self.records += 1;
                    (self.meet)(Met::Record(&leaf[index]))?;
                }
            }
            Link::Inner(inner) => {
                let frame = self.row(inner)?;
                require(level > 1, Defect::Level { node: frame })?;
                for index in 0..inner.len() {
                    self.link(&inner[index], level - 1)?;
                    require(
                        inner.is_noted(index),
                        Defect::Note {
                            node: frame,
                            entry: index,
                        },
                    )?;
                }
            }
        }
        Ok(())
    }

    /// A node and its entries, without what is below them.
    fn row<T: Spanned, const N: usize>(&mut self, node: &Node<Row<T, N>>) -> Result<PhysAddr, E> {
        let frame = self.frame(node)?;
        let is_whole = node.is_whole() && node.len() > 0;
        require(is_whole, Defect::Filling { node: frame })?;
        require(node.is_sorted(), Defect::Order { node: frame })?;
        require(node.is_measured(), Defect::Gap { node: frame })?;
        Ok(frame)
    }

    fn frame<T>(&mut self, node: &Node<T>) -> Result<PhysAddr, E> {
        let frame = node.address(self.regions.spares.direct_map());
        (self.meet)(Met::Frame(frame))?;
        self.nodes += 1;
        require(node.frame_start() == frame, Defect::Frame { node: frame })?;
        Ok(frame)
    }
}
