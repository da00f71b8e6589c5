//! What is not asked for.
