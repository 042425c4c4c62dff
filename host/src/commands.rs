//! One function for each command: a list of named steps.
