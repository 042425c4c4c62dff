//! The component: compiled ahead of time, sandboxed, limited, driven.
