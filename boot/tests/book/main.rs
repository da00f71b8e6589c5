//! The README and the book against what they speak of: links, names, commands, and what the machine prints.
//!
//! `BLESS=1 cargo test --target host-tuple -p boot --test book` puts what the machine prints into the texts,
//! `BLESS=figures` the instruction counts of `kernel/bench.toml`.

#[path = "../common/mod.rs"]
mod common;

mod cargo;
mod code;
mod commands;
mod compare;
mod document;
mod facts;
mod figures;
mod items;
mod links;
mod mutations;
mod play;
mod quotation;
mod script;
mod sessions;
mod steps;
mod typing_along;
