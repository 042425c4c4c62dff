use super::*;

const MACHINE: Machine<'_> = Machine { os: "linux", cpu: "x64", libc: Some("glibc"), node: Some("20.20.2") };

fn list(values: &[&str]) -> Option<Vec<String>> {
    Some(values.iter().map(|value| (*value).to_owned()).collect())
}

fn fits_os(os: &[&str], supported: &[&str]) -> bool {
    let supported = SupportedArchitectures { os: list(supported).unwrap(), ..Default::default() };
    check(&Wanted { os: list(os), ..Wanted::default() }, MACHINE, &supported) == Fit::Fits
}

#[test]
fn lists_with_negations_and_any() {
    assert!(fits_os(&["linux", "darwin"], &[]));
    assert!(!fits_os(&["darwin"], &[]));
    assert!(fits_os(&["!win32"], &[]));
    assert!(!fits_os(&["!linux"], &[]));
    assert!(fits_os(&["any"], &[]));
    assert!(fits_os(&["darwin"], &["current", "darwin"]));
    assert!(!fits_os(&["linux"], &["darwin"]));
}

#[test]
fn libc_is_not_checked_where_it_is_unknown() {
    let musl = Wanted { libc: list(&["musl"]), ..Wanted::default() };
    let supported = SupportedArchitectures::default();
    assert_eq!(
        check(&musl, MACHINE, &supported),
        Fit::UnsupportedPlatform(
            r#"wanted {"libc":["musl"]} (current: {"os":"linux","cpu":"x64","libc":"glibc"})"#.to_owned()
        )
    );
    assert_eq!(check(&musl, Machine { libc: None, ..MACHINE }, &supported), Fit::Fits);
}

#[test]
fn engines_include_prereleases() {
    let supported = SupportedArchitectures::default();
    let wanted = |range: &str| Wanted { node: Some(range.to_owned()), ..Wanted::default() };
    assert_eq!(check(&wanted(">=20"), MACHINE, &supported), Fit::Fits);
    assert_eq!(check(&wanted(">=20"), Machine { node: Some("21.0.0-nightly"), ..MACHINE }, &supported), Fit::Fits);
    assert_eq!(
        check(&wanted(">=22"), MACHINE, &supported),
        Fit::UnsupportedEngine(r#"wanted {"node":">=22"} (current: {"node":"20.20.2","pnpm":"12.21.0"})"#.to_owned())
    );
    assert_eq!(check(&wanted(">=22"), Machine { node: None, ..MACHINE }, &supported), Fit::Fits);
    let old = Wanted { pnpm: Some("<10".to_owned()), ..Wanted::default() };
    assert!(matches!(check(&old, MACHINE, &supported), Fit::UnsupportedEngine(_)));
}

#[test]
fn a_name_tells_the_platform_only_with_an_os() {
    let mut wanted = Wanted::default();
    wanted.infer_from_name("@s/binding-linux-x64-musl");
    assert_eq!((wanted.os, wanted.cpu, wanted.libc), (list(&["linux"]), list(&["x64"]), list(&["musl"])));
    let mut plain = Wanted::default();
    plain.infer_from_name("x64-tools");
    assert_eq!(plain, Wanted::default());
    let mut declared = Wanted { os: list(&["win32"]), ..Wanted::default() };
    declared.infer_from_name("b-windows-amd64");
    assert_eq!((declared.os, declared.cpu), (list(&["win32"]), list(&["x64"])));
}
