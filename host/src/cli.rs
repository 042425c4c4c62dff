//! What was typed: the command line, as clap sees it. What it means is found out by `config`.
