//! Pure: a placement and what is on disk give a list of actions, which can be printed.
