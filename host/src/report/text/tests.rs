//! Texts of strangers.

use super::{clean, duration, one_line, redact, size};

#[test]
fn nothing_reaches_the_terminal_that_would_steer_it() {
    for (text, expected) in [
        ("\u{1b}[31mred\u{1b}[0m", "red"),
        ("a\u{1b}]8;;https://x.example\u{7}link\u{1b}]8;;\u{1b}\\b", "alinkb"),
        ("over\rwritten\u{8}", "overwritten"),
        ("\u{9b}31m", "31m"),
        ("left\u{202e}thgir", "leftthgir"),
        ("tab\tand\nline", "tab\tand\nline"),
        ("ends in \u{1b}", "ends in "),
    ] {
        assert_eq!(clean(text), expected, "{text:?}");
    }
    assert_eq!(one_line("a\n  b\r\nc"), "a b c");
}

#[test]
fn addresses_lose_their_secrets() {
    for (text, expected) in [
        ("https://user:secret@registry.example/x", "https://***@registry.example/x"),
        ("at http://token@h:1 and https://b/@scope/x", "at http://***@h:1 and https://b/@scope/x"),
        ("git+ssh://git@h.example/x", "git+ssh://***@h.example/x"),
        ("no address", "no address"),
    ] {
        assert_eq!(redact(text), expected);
    }
}

#[test]
fn sizes_and_times_are_for_people() {
    assert_eq!([size(999), size(1200), size(3_400_000)], ["999 B", "1.2 kB", "3.4 MB"]);
    assert_eq!([duration(515), duration(2345), duration(61_000)], ["515ms", "2.3s", "1m 1s"]);
}
