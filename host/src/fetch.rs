//! Tarballs into the store, each once.
