#![doc = include_str!("../README.md")]

pub mod app;
pub mod audit;
pub mod config;
pub mod http;
pub mod identity;
pub mod search;

mod answers;
pub mod cli;
mod context;
mod door;
mod release;
