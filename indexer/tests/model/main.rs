//! Tests of the model: decisions, inheritance, principals, ids, labels, the clock. Pure, no disk
//! but for the scenario files.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "in a test, a panic is the report"
)]

mod clock;
mod documents;
mod labels;
mod naive;
mod principals;
mod properties;
mod scenarios;
mod table;
mod worlds;
