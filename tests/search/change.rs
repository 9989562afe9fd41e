//! Searches while documents and permissions change.
