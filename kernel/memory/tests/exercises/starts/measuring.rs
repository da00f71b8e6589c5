//! Exercise 2 of chapter 10 (medium): faults, foretold.
//!
//! 64 pages are read one by one, and then written one by one. Foretell frames for data,
//! frames for tables, and faults.
//!
//! Test: `cargo test --target host-tuple -p faultline-memory --test exercises -- --ignored faults_are_foretold`

/// Data, tables and faults, by backing.
pub(crate) const FORETOLD: [(&str, (u64, u64, u64)); 5] = [
    ("immediate", (0, 0, 0)),
    ("demand", (0, 0, 0)),
    ("demand, fault-around 16", (0, 0, 0)),
    ("zero", (0, 0, 0)),
    ("demand, pages of 2 MiB", (0, 0, 0)),
];
