//! Commands in a session: what they write.
