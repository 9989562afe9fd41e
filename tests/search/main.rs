//! The search engine against its reference: on random worlds, under change, and on the cases
//! that are known to go wrong elsewhere.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "in a test, a panic is the report; the environment says how long to try"
)]

mod change;
mod differential;
mod edges;
mod kept;
mod large;
mod naive;
mod phrases;
mod threads;
mod traps;
mod world;
