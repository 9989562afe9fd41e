//! Integration tests: real servers over HTTP, asked by a client that watches for leaks.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests"
)]

mod audit;
mod canary;
mod citations;
mod context;
mod documents;
mod reference;
mod requests;
mod revocation;
mod routes;
mod scenarios;
mod support;
mod twin;
