//! What becomes of a program's file, good ones, broken ones and damaged ones,
//! and of the stack that it starts with.

mod damaged;
mod file;
mod good;
mod properties;
mod refused;
mod stack;
