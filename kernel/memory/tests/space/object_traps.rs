//! Where objects of others went wrong, each with its numbers.
