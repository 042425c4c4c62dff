use super::*;

fn registries() -> Registries {
    let mut registries = Registries { default: "https://registry.example/".to_owned(), ..Registries::default() };
    registries.named.insert("work".to_owned(), "https://work.example/".to_owned());
    registries
}

/// A short form that tests can compare.
fn show(alias: &str, text: &str) -> String {
    match Specifier::parse(alias, text, &registries()) {
        Specifier::Registry { name, want, registry } => {
            let kind = match want {
                Want::Version(_) => "version",
                Want::Range(_) => "range",
                Want::Tag(_) => "tag",
            };
            format!("{kind} {}{name} {want}", registry.map(|alias| alias + ":").unwrap_or_default())
        }
        Specifier::Jsr { jsr_name, name, want } => format!("jsr {jsr_name} {name} {want}"),
        Specifier::Workspace(WorkspaceWant { name, target }) => {
            let target = match target {
                WorkspaceTarget::Any => "any".to_owned(),
                WorkspaceTarget::Version(want) => want.to_string(),
                WorkspaceTarget::Directory(path) => format!("directory {path}"),
            };
            format!("workspace {} {target}", name.as_deref().unwrap_or("-"))
        }
        Specifier::Catalog(name) => format!("catalog {name}"),
        Specifier::Link(path) => format!("link {path}"),
        Specifier::File(path) => format!("file {path}"),
        Specifier::Tarball(url) => format!("tarball {url}"),
        Specifier::Git(git) => format!("git {:?} {:?} {:?}", git.reference, git.range, git.path),
        Specifier::Custom(why) => format!("custom {}", why.code),
        Specifier::Unsupported(why) => why.code.to_owned(),
    }
}

#[test]
fn registry_specifiers_are_version_range_or_tag() {
    let cases = [
        ("1.2.3", "version a 1.2.3"),
        (" =v1.2.3 ", "version a 1.2.3"),
        ("^1.2", "range a ^1.2"),
        ("", "range a *"),
        ("  ", "range a *"),
        ("*", "range a *"),
        ("x", "range a x"),
        (">=1 <2 || 4", "range a >=1 <2 || 4"),
        ("latest", "tag a latest"),
        ("next-11", "tag a next-11"),
        ("npm:b@1", "range b 1"),
        ("npm:b@1.0.0", "version b 1.0.0"),
        ("npm:b", "tag b latest"),
        ("npm:@s/b", "tag @s/b latest"),
        ("npm:@s/b@~2", "range @s/b ~2"),
        ("npm:^3", "range a ^3"),
        ("npm:b@", "range b *"),
        ("npm:b@~1.0.0 || ~2.0.0", "range b ~1.0.0 || ~2.0.0"),
        ("https://registry.example/b/-/b-1.0.0.tgz", "version b 1.0.0"),
        ("https://registry.example/@s%2fb/-/b-1.0.0.tgz", "version @s/b 1.0.0"),
        ("work:b@1", "range work:b 1"),
        ("work:^2", "range work:a ^2"),
        ("work:@s/b", "tag work:@s/b latest"),
    ];
    for (text, expected) in cases {
        assert_eq!(show("a", text), expected, "{text:?}");
    }
}

#[test]
fn protocols_lead_elsewhere() {
    let cases = [
        ("catalog:", "catalog default"),
        ("catalog:react18", "catalog react18"),
        ("workspace:*", "workspace - any"),
        ("workspace:", "workspace - any"),
        ("workspace:^", "workspace - any"),
        ("workspace:~", "workspace - any"),
        ("workspace:^1.0.0", "workspace - ^1.0.0"),
        ("workspace:b@*", "workspace b any"),
        ("workspace:@s/b@~1", "workspace @s/b ~1"),
        ("workspace:./b", "workspace - directory ./b"),
        ("workspace:../b", "workspace - directory ../b"),
        ("link:../b", "link ../b"),
        ("file:./b", "file ./b"),
        ("file:///b", "file /b"),
        ("file:b.tgz", "file b.tgz"),
        ("./b", "link ./b"),
        ("../b.tgz", "file ../b.tgz"),
        ("b.tgz", "tag a b.tgz"),
        ("~/b", "link ~/b"),
        ("https://host.example/b.tgz", "tarball https://host.example/b.tgz"),
        ("https://github.com/u/r/archive/main.tar.gz", "tarball https://github.com/u/r/archive/main.tar.gz"),
        ("jsr:@std/path@1", "jsr @std/path @jsr/std__path 1"),
        ("jsr:path@1", "ERR_PNPM_MISSING_JSR_PACKAGE_SCOPE"),
        ("path:./b", "ERR_PNPM_PATH_IS_UNSUPPORTED_PROTOCOL"),
        ("runtime:22", "custom ERR_PNPM_SPEC_NOT_SUPPORTED_BY_ANY_RESOLVER"),
        ("store:team/art", "custom ERR_PNPM_UNSUPPORTED_PROTOCOL"),
        ("store+x://y/z#1", "custom ERR_PNPM_UNSUPPORTED_PROTOCOL"),
        ("ftp://host.example/b", "custom ERR_PNPM_UNSUPPORTED_PROTOCOL"),
        ("store:", "ERR_PNPM_SPEC_NOT_SUPPORTED_BY_ANY_RESOLVER"),
        ("store:a/b(c@1)", "ERR_PNPM_UNSUPPORTED_PROTOCOL"),
        ("store:a/ b", "ERR_PNPM_UNSUPPORTED_PROTOCOL"),
    ];
    for (text, expected) in cases {
        assert_eq!(show("a", text), expected, "{text:?}");
    }
}

#[test]
fn git_in_all_its_forms() {
    for text in [
        "u/r",
        "github:u/r",
        "gitlab:u/r",
        "git+https://host.example/r.git",
        "git+ssh://git@host.example/r",
        "git://host.example/r",
        "ssh://git@host.example/r",
        "https://host.example/r.git",
        "https://github.com/u/r",
        "https://github.com/u/r/tree/main",
        "git@github.com:u/r.git",
    ] {
        assert_eq!(show("a", text), "git None None None", "{text:?}");
    }
    assert_eq!(show("a", "u/r#semver:^1"), "git None Some(\"^1\") None");
    assert_eq!(show("a", "u/r#v1.0&path:/packages/b"), "git Some(\"v1.0\") None Some(\"/packages/b\")");
}

#[test]
fn a_specifier_over_the_limit_is_refused() {
    assert_eq!(show("a", &"1".repeat(17 * 1024)), "ERR_PNPM_SPEC_NOT_SUPPORTED_BY_ANY_RESOLVER");
}
