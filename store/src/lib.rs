//! The content-addressed store. Knows no ranges, no network, no `node_modules`.
