//! What Ambit stores, and how it gets there.
//!
//! Layers, from the bottom up; imports point down only:
//!
//! - model (pure: no input or output, no async): [`principal`], [`label`], [`document`],
//!   [`clock`], [`acl`], [`guarded`];
//! - storage: [`catalog`] (SQLite, the source of truth), [`index`] (tantivy, derived), [`store`]
//!   (both, behind one door);
//! - pipeline: [`source`] → [`parse`] → [`chunk`] → [`directory`] → [`pipeline`].

pub mod acl;
pub mod catalog;
pub mod chunk;
pub mod clock;
pub mod directory;
pub mod document;
pub mod guarded;
pub mod index;
pub mod label;
pub mod parse;
pub mod pipeline;
pub mod principal;
pub mod source;
pub mod store;
