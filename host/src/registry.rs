//! The npm registry: HTTP, credentials, packuments as byte spans, their cache on disk.
