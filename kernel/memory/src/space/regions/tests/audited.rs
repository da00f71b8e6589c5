//! What the check finds in a tree that was damaged by hand.

use super::*;

/// What is done to a node, as words, and what an audit says of its frame then.
type Damage = dyn Fn(&mut [u64; 512]);
type Finds = dyn Fn(PhysAddr) -> Defect;

/// Damages one of the nodes, in the order in which they are met, and says what the audit finds.
fn damaged(node: usize, damage: impl FnOnce(&mut [u64; 512])) -> (PhysAddr, Defect) {
    let mut both = Both::new(u64::MAX);
    fill(&mut both, 200, Order::Up);
    let mut met = vec![];
    let result = both.regions.check::<Defect>(&mut |seen| {
        if let Met::Frame(frame) = seen {
            met.push(frame);
        }
        Ok(())
    });
    assert_eq!(result, Ok(()));
    let page = &mut both.memory[(met[node].as_u64() / PAGE) as usize];
    // SAFETY: a page is as large and as aligned; nothing else uses it now.
    damage(unsafe { &mut *(&raw mut *page).cast::<[u64; 512]>() });
    let defect = both.regions.check::<Defect>(&mut |_| Ok(()));
    (met[node], defect.expect_err("damage is found"))
}

#[test]
fn an_audit_finds_what_is_damaged() {
    /// The word of a leaf behind its bases and reaches.
    const GAP: usize = 1 + Leaf::CAPACITY * 3;
    let empty = |leaf: &mut [u64; 512]| {
        // SAFETY: a leaf lies at the start of the page, and owns nothing.
        unsafe { (&raw mut *leaf).cast::<Leaf>().write(Leaf::BLANK) };
    };
    let cases: [(usize, &Damage, &Finds); 14] = [
        (1, &|leaf| leaf[0] = 0, &|node| Defect::Filling { node }),
        (1, &|leaf| leaf[0] = 0xffff, &|node| Defect::Filling {
            node,
        }),
        (1, &|leaf| leaf[0] -= 1, &|node| Defect::Filling { node }),
        (7, &empty, &|node| Defect::Filling { node }),
        (1, &|leaf| leaf[GAP + 1] += 1, &|node| Defect::Filling {
            node,
        }),
        // The first slot names one behind the last.
        (
            1,
            &|leaf| leaf[GAP + 1] = leaf[GAP + 1] & !0xff | Leaf::CAPACITY as u64,
            &|node| Defect::Filling { node },
        ),
        (1, &|leaf| leaf.swap(1, 2), &|node| Defect::Order { node }),
        // The first region ends with the first byte of the second, and a base
        // is left over behind the two entries of the last leaf.
        (1, &|leaf| leaf[1 + Leaf::CAPACITY] = leaf[2], &|node| {
            Defect::Order { node }
        }),
        (7, &|leaf| leaf[3] = leaf[2], &|node| Defect::Order { node }),
        (1, &|leaf| leaf[GAP] -= 1, &|node| Defect::Gap { node }),
        // The last addresses of the last entries, and the gap within another one.
        (2, &|leaf| leaf[GAP - 2] -= 1, &|frame| Defect::Note {
            node: frame,
            entry: Leaf::CAPACITY - 1,
        }),
        (0, &|inner| inner[1 + Inner::CAPACITY + 12] -= 1, &|frame| {
            Defect::Note {
                node: frame,
                entry: 6,
            }
        }),
        (0, &|inner| inner[1 + Inner::CAPACITY + 3] -= 1, &|frame| {
            Defect::Note {
                node: frame,
                entry: 1,
            }
        }),
        (
            1,
            &|leaf| leaf[size_of::<Leaf>() / 8..].fill(500 * PAGE),
            &|node| Defect::Frame { node },
        ),
    ];
    for (node, damage, expected) in cases {
        let (frame, defect) = damaged(node, damage);
        assert_eq!(defect, expected(frame));
    }
}

#[test]
fn an_audit_finds_counts_that_are_wrong() {
    let mut both = Both::new(u64::MAX);
    fill(&mut both, 10, Order::Down);
    let check = |regions: &Regions| regions.check::<Defect>(&mut |_| Ok(()));
    both.regions.len += 1;
    assert_eq!(check(&both.regions), Err(Defect::Records { found: 10 }));
    both.regions.len -= 1;
    both.regions.height += 1;
    assert!(matches!(check(&both.regions), Err(Defect::Level { .. })));
    both.regions.height -= 1;
    both.check();
}

#[test]
fn an_audit_finds_a_node_above_others_on_the_level_of_leaves() {
    let mut both = Both::new(u64::MAX);
    fill(&mut both, 200, Order::Up);
    let mut root = None;
    let mut check = |regions: &Regions| {
        regions.check::<Defect>(&mut |seen| {
            if let (Met::Frame(frame), None) = (seen, root) {
                root = Some(frame);
            }
            Ok(())
        })
    };
    assert_eq!(check(&both.regions), Ok(()));
    both.regions.height -= 1;
    let found = check(&both.regions);
    assert_eq!(found.err(), root.map(|node| Defect::Level { node }));
}

#[test]
fn an_audit_finds_spare_nodes_that_go_round() {
    let mut both = Both::new(u64::MAX);
    both.reserve(&[both.base_of(1), both.base_of(2)]);
    let mut met = vec![];
    let mut check = |regions: &Regions| {
        regions.check::<Defect>(&mut |seen| {
            if let Met::Frame(frame) = seen {
                met.push((frame.as_u64() / PAGE) as usize);
            }
            Ok(())
        })
    };
    assert_eq!(check(&both.regions), Ok(()));
    let [first, second] = met[..] else {
        panic!("two nodes are spare, not {}", met.len());
    };
    let pages = both.memory.as_mut_ptr().cast::<[*const (); 512]>();
    // SAFETY: a spare node begins with a pointer to the next one, and nothing
    // uses either now.
    unsafe { (*pages.add(second))[0] = (*pages.add(first))[0] };
    let found = both.regions.check::<Defect>(&mut |_| Ok(()));
    assert_eq!(found, Err(Defect::Nodes { found: 3 }));
}

#[test]
fn an_audit_finds_a_last_hit_that_is_not_in_the_tree() {
    let mut both = Both::new(u64::MAX);
    both.insert(&[(1, 1)]);
    let check = |regions: &Regions| regions.check::<Defect>(&mut |_| Ok(()));
    let base = both.base_of(1);
    let copy = *both.regions.lookup(base).expect("it is there");
    assert_eq!(check(&both.regions), Ok(()));
    both.regions.tree.spoil_last(Box::leak(Box::new(copy)));
    assert_eq!(check(&both.regions), Err(Defect::LastHit));
}
