//! The sources of settings against each other.
