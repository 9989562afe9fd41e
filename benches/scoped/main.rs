//! Scoped search against tantivy.

fn main() {}
