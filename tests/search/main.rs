//! The search engine against its reference: on random worlds, under change, and on the cases
//! that are known to go wrong elsewhere.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
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
