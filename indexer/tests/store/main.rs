//! Tests of a data directory through its public doors: runs, reopening, damage, crashes, and the
//! terms under which text is found.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "in a test, a panic is the report; the environment says how long to try"
)]

mod analyzer;
mod beside;
mod corpus;
mod crashes;
mod damage;
mod incremental;
mod machine;
mod patched;
mod runs;
mod sidecars;
mod sources;
mod support;
