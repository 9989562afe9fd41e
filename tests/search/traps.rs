//! Cases that are known to go wrong.
