//! What the command line, the environment and the files mean together.
