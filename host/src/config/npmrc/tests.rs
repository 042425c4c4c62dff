use super::*;

fn env(name: &str) -> Option<String> {
    (name == "TOKEN").then(|| "s3cret".to_owned())
}

fn read(level: Level, text: &str) -> Npmrc {
    parse(text.as_bytes(), level, ".npmrc", &env)
}

#[test]
fn registries_credentials_and_proxies_are_read() {
    let file = read(
        Level::User,
        "; comment\nregistry = https://registry.example\n@work:registry=\"https://work.example/npm/\"\n\
         //work.example/npm/:_authToken=${TOKEN}\nhttps-proxy=http://proxy.example:3128\nstore-dir=/x\nfoo\n",
    );
    assert_eq!(file.registry.as_deref(), Some("https://registry.example/"));
    assert_eq!(file.scoped["@work"], "https://work.example/npm/");
    assert_eq!(file.hosts["//work.example/npm/"].auth_token, Some(Secret::new("s3cret")));
    assert_eq!(file.proxy.https.as_ref().unwrap().expose(), "http://proxy.example:3128");
    assert!(file.warnings.is_empty(), "{:?}", file.warnings);
    assert!(!format!("{file:?}").contains("s3cret"));
}

#[test]
fn a_project_file_expands_no_variables() {
    let file = read(
        Level::Project,
        "registry=https://registry.example/?t=${TOKEN}\n//registry.example/:_authToken=${TOKEN}\n\
         @a:registry=https://a.example/\n//a.example/:_authToken=literal\n",
    );
    assert_eq!(file.registry, None);
    assert_eq!(file.scoped["@a"], "https://a.example/");
    assert_eq!(file.hosts.len(), 1);
    assert_eq!(file.warnings.len(), 2);
    assert!(file.warnings[0].starts_with(".npmrc:1: registry is ignored"), "{}", file.warnings[0]);
}

#[test]
fn a_project_file_cannot_weaken_tls_or_run_a_program() {
    let text = "strict-ssl=false\ncafile=ca.pem\n//a.example/:tokenHelper=/bin/x\n//a.example/:cafile=x\n";
    let file = read(Level::Project, text);
    assert_eq!((file.tls.clone(), file.hosts.len(), file.warnings.len()), (TlsSettings::default(), 0, 4));
    let file = read(Level::User, text);
    assert_eq!(file.tls.strict_ssl, Some(false));
    assert_eq!(file.hosts["//a.example/"].token_helper.as_deref(), Some("/bin/x"));
}

#[test]
fn an_unset_variable_is_named_and_never_sent() {
    let file = read(Level::User, "//a.example/:_authToken=${MISSING}\nproxy=${MISSING:-http://p.example}\n");
    assert!(file.hosts.is_empty());
    assert!(file.warnings[0].contains("MISSING"), "{}", file.warnings[0]);
    assert_eq!(file.proxy.http.unwrap().expose(), "http://p.example");
}

#[test]
fn lines_that_cannot_be_read_are_left_out() {
    let file = parse(
        b"registry=https://a.example\n\xff\xfe=x\nproxy=\0\n[section]\nregistry=https://b.example",
        Level::User,
        "f",
        &env,
    );
    assert_eq!(file.registry.as_deref(), Some("https://a.example/"));
    assert_eq!(file.warnings.len(), 2);
    assert_eq!(parse(&vec![b'#'; MAX_BYTES + 1], Level::User, "f", &env).warnings.len(), 1);
}
