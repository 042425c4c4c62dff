//! Carries a plan out: the one parallel pass over `node_modules`.
