use super::*;

#[test]
fn names_that_would_leave_node_modules_are_refused() {
    for bad in [
        "",
        ".",
        "..",
        "../x",
        "@a",
        "@a/",
        "@a/..",
        "@a/b/c",
        "a/b",
        ".bin",
        "C:x",
        "a\\b",
        "node_modules",
        "__proto__",
        "é",
        "a b",
        "a\nb",
    ] {
        assert!(PackageName::parse(bad).is_err(), "{bad:?} was accepted");
    }
    for good in ["lodash", "@scope/name", "JSONStream", "a.b", "_x", "@types/node", "x~y"] {
        assert_eq!(PackageName::parse(good).unwrap().as_str(), good);
    }
}

#[test]
fn a_scope_is_told_from_a_name() {
    let name = PackageName::parse("@scope/name").unwrap();
    assert_eq!((name.scope(), name.unscoped()), (Some("@scope"), "name"));
    let name = PackageName::parse("name").unwrap();
    assert_eq!((name.scope(), name.unscoped()), (None, "name"));
}

#[test]
fn versions_have_three_numbers() {
    for good in ["1.2.3", "0.0.0-rc.1+b.2", "1.0.0-rc.3.patch12", "1.0.0+x"] {
        assert!(Version::parse(good).is_ok(), "{good:?} was refused");
    }
    for bad in ["1", "1.2", "1.2.3.4", "v1.2.3", "1.2.x", "99999999999999999999.0.0", "1.2.3-a/b"] {
        assert!(Version::parse(bad).is_err(), "{bad:?} was accepted");
    }
}

#[test]
fn an_importer_stays_a_normal_relative_path() {
    for good in [".", "packages/a", "../beside", "../../x/y"] {
        assert!(ImporterId::parse(good).is_ok(), "{good:?} was refused");
    }
    for bad in ["", "/abs", "a/../b", "a//b", "./a", "a\\b"] {
        assert!(ImporterId::parse(bad).is_err(), "{bad:?} was accepted");
    }
}

#[test]
fn the_strongest_listed_digest_counts() {
    let sha1 = "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=";
    let sha512 = format!("sha512-{}", "A".repeat(86) + "==");
    let both = Integrity::parse(&format!("{sha1} {sha512}")).unwrap();
    assert_eq!(both.algorithm, Algorithm::Sha512);
    assert_eq!(both.to_string(), sha512);
    assert!(Integrity::parse("md5-AAAA").is_err());
    assert!(Integrity::parse("sha512-AAAA").is_err());
}

#[test]
fn a_shasum_becomes_sha1() {
    let integrity = Integrity::from_shasum("da39a3ee5e6b4b0d3255bfef95601890afd80709").unwrap();
    assert_eq!(integrity.to_string(), "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=");
    assert!(Integrity::from_shasum("xyz").is_err());
}

#[test]
fn a_slot_is_one_component_or_a_shared_one_and_never_leads_out() {
    let digest = "9aa390e2413f77a815211fc459a70bfa6310ff21e9bd9de6a240d080439372ca";
    for good in ["is-odd@3.0.0", &format!("@/esbuild/0.25.0/{digest}"), &format!("@babel/core/7.29.13/{digest}")] {
        assert!(Slot::parse(good).is_ok(), "{good:?} was refused");
    }
    for bad in [
        "a/b",
        "../x",
        &format!("@/../0.25.0/{digest}"),
        &format!("@../x/0.25.0/{digest}"),
        &format!("@/esbuild/../{digest}"),
        &format!("@/esbuild/.x/{digest}"),
        &format!("x/esbuild/0.25.0/{digest}"),
        &format!("@/esbuild/0.25.0/x/{digest}"),
        &format!("/@/esbuild/0.25.0/{digest}"),
        "@/esbuild/0.25.0/..",
        "@/esbuild/0.25.0/9AA390",
    ] {
        assert!(Slot::parse(bad).is_err(), "{bad:?} was accepted");
    }
}
