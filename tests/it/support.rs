//! What the tests share: a server in the process, worlds of documents, and the guarded client.

pub(crate) mod app;
pub(crate) mod client;
pub(crate) mod corpus;
pub(crate) mod logs;
pub(crate) mod naive;
pub(crate) mod shapes;
