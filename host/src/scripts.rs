//! Runs the project's own lifecycle scripts.
