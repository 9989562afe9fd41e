//! The real binary, as people and scripts call it: what it prints, how it exits, what survives.
#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod audit;
mod errors;
mod index;
mod misc;
mod reading;
mod serve;
mod support;
