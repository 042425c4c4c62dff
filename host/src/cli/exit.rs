//! The exit codes: one table, which the help prints and scripts may rely on.

/// All is done.
pub const OK: u8 = 0;
/// The command failed; the error on standard error has a code.
pub const FAILED: u8 = 1;
/// The command line is not valid; nothing was done.
pub const USAGE: u8 = 2;
/// A bug in wasi-pm.
pub const BUG: u8 = 101;
/// Ended by Ctrl-C.
pub const INTERRUPTED: u8 = 130;
/// Ended by SIGTERM.
pub const TERMINATED: u8 = 143;

/// Every code with what it means.
pub const TABLE: &[(u8, &str)] = &[
    (OK, "all is done, or there was nothing to do"),
    (FAILED, "the command failed; standard error says why, with a code"),
    (USAGE, "the command line is not valid; nothing was done"),
    (BUG, "a bug in wasi-pm"),
    (INTERRUPTED, "ended by Ctrl-C"),
    (TERMINATED, "ended by SIGTERM"),
];

#[cfg(test)]
mod tests {
    use super::TABLE;

    #[test]
    fn each_code_stands_in_the_table_once_and_in_order() {
        let codes: Vec<u8> = TABLE.iter().map(|(code, _)| *code).collect();
        assert_eq!(codes, [0, 1, 2, 101, 130, 143]);
    }
}
