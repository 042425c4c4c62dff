//! Small registries in memory.
