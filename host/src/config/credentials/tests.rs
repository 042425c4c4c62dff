use super::*;
use crate::config::npmrc::parse;

fn credentials(user: &str, project: &str) -> (Credentials, Vec<String>) {
    let mut warnings = Vec::new();
    let levels = [
        parse(user.as_bytes(), Level::User, "user", &|_| None),
        parse(project.as_bytes(), Level::Project, "project", &|_| None),
    ];
    (Credentials::from_levels(&levels, None, &mut warnings), warnings)
}

fn header(credentials: &Credentials, url: &str) -> Option<String> {
    match credentials.authorization(&Url::parse(url).unwrap()).unwrap() {
        Authorization::Header(secret) => Some(secret.expose().to_owned()),
        Authorization::None => None,
        Authorization::Withheld => Some("withheld".to_owned()),
    }
}

#[test]
fn the_longest_prefix_counts() {
    let (held, _) = credentials("//a.example/:_authToken=root\n//a.example/npm/:_authToken=npm\n", "");
    assert_eq!(header(&held, "https://a.example/npm/x/-/x-1.0.0.tgz").as_deref(), Some("Bearer npm"));
    assert_eq!(header(&held, "https://a.example/npmx/x").as_deref(), Some("Bearer root"));
    assert_eq!(header(&held, "https://a.example/npm/../x").as_deref(), Some("Bearer root"));
    assert_eq!(header(&held, "https://a.example:8443/npm/x"), None);
    assert_eq!(header(&held, "https://b.example/npm/x"), None);
}

#[test]
fn plain_http_gets_no_credentials_unless_it_is_loopback() {
    let (held, _) = credentials("//a.example/:_authToken=t\n//127.0.0.1:4873/:_authToken=t\n", "");
    assert_eq!(header(&held, "http://a.example/x").as_deref(), Some("withheld"));
    assert_eq!(header(&held, "http://127.0.0.1:4873/x").as_deref(), Some("Bearer t"));
}

#[test]
fn unscoped_credentials_stay_with_their_own_registry() {
    let (held, warnings) =
        credentials("registry=https://mine.example/\n_authToken=t\n", "registry=https://evil.example/\n");
    assert_eq!(header(&held, "https://mine.example/x").as_deref(), Some("Bearer t"));
    assert_eq!(header(&held, "https://evil.example/x"), None);
    assert!(warnings.is_empty());
    let (held, warnings) = credentials("_authToken=t\n", "registry=https://evil.example/\n");
    assert_eq!((header(&held, "https://evil.example/x"), warnings.len()), (None, 1));
}

#[test]
fn username_and_password_make_a_basic_header() {
    let (held, _) = credentials("//a.example/:username=u\n//a.example/:_password=cGFzcw==\n", "");
    assert_eq!(header(&held, "https://a.example/x").as_deref(), Some("Basic dTpwYXNz"));
}

#[test]
fn a_token_helper_runs_once() {
    let runs = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let counted = runs.clone();
    let (held, _) = credentials("//a.example/:tokenHelper=/bin/helper\n", "");
    let held = held.with_helper_runner(Arc::new(move |_| {
        counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Ok("tok\n".to_owned())
    }));
    assert_eq!(header(&held, "https://a.example/x").as_deref(), Some("Bearer tok"));
    assert_eq!(header(&held, "https://a.example/y").as_deref(), Some("Bearer tok"));
    assert_eq!(runs.load(std::sync::atomic::Ordering::Relaxed), 1);
}

#[test]
fn nothing_telling_is_printed() {
    let (held, _) = credentials("//a.example/:_authToken=t0psecret\n", "");
    assert!(!format!("{held:?}").contains("t0psecret"));
    assert_ne!(held.identity(&Url::parse("https://a.example/").unwrap()), None);
    assert_eq!(held.identity(&Url::parse("https://b.example/").unwrap()), None);
}
