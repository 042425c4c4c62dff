use super::*;

const COMMIT: &str = "0123456789012345678901234567890123456789";

fn parsed(text: &str) -> Spec {
    Spec::parse(text).unwrap_or_else(|| panic!("{text}"))
}

#[test]
fn every_way_to_name_a_known_host_gives_one_address() {
    for text in [
        "user/project",
        "github:user/project",
        "github:user/project.git",
        "git@github.com:user/project.git",
        "git+ssh://git@github.com/user/project.git",
        "ssh://git@github.com:user/project.git",
        "git://github.com/user/project.git",
        "git+https://github.com/user/project.git",
        "https://github.com/user/project.git",
        "https://www.github.com/user/project",
    ] {
        let spec = parsed(text);
        assert_eq!(spec.repository, "https://github.com/user/project.git", "{text}");
        let archive = format!("https://codeload.github.com/user/project/tar.gz/{COMMIT}");
        assert_eq!(spec.archive(COMMIT), Some(archive), "{text}");
    }
    let gitlab = parsed("gitlab:group/sub/project#v1");
    assert_eq!(gitlab.repository, "https://gitlab.com/group/sub/project.git");
    let archive = parsed("gitlab:user/project").archive(COMMIT).unwrap();
    assert_eq!(archive, format!("https://gitlab.com/user/project/-/archive/{COMMIT}/project-{COMMIT}.tar.gz"));
    let archive = parsed("bitbucket:user/project").archive(COMMIT).unwrap();
    assert_eq!(archive, format!("https://bitbucket.org/user/project/get/{COMMIT}.tar.gz"));
}

#[test]
fn other_hosts_are_taken_as_they_are_and_have_no_archive() {
    for (text, repository) in [
        ("git+ssh://git@git.example/a/b.git", "ssh://git@git.example/a/b.git"),
        ("git+ssh://git@git.example:a/b.git", "ssh://git@git.example/a/b.git"),
        ("git+ssh://git@git.example:2222/a/b.git", "ssh://git@git.example:2222/a/b.git"),
        ("git+https://git.example/a/b.git#main", "https://git.example/a/b.git"),
        ("https://git.example/a/b.git", "https://git.example/a/b.git"),
        ("git+file:///srv/repo", "file:///srv/repo"),
        ("git+https://user:secret@github.com/a/b.git", "https://user:secret@github.com/a/b.git"),
    ] {
        let spec = parsed(text);
        assert_eq!((spec.repository.as_str(), spec.archive(COMMIT)), (repository, None), "{text}");
    }
}

#[test]
fn what_stands_behind_the_hash_is_taken_apart() {
    let spec = parsed("github:u/p#feature%2Fx&path:/packages/a");
    assert_eq!((spec.reference.as_deref(), spec.path.as_deref()), (Some("feature/x"), Some("/packages/a")));
    assert_eq!(parsed("u/p#semver:^1.0.0").range.as_deref(), Some("^1.0.0"));
    assert_eq!(parsed("https://github.com/u/p/tree/dev").reference.as_deref(), Some("dev"));
}

#[test]
fn options_commands_and_other_transports_are_refused() {
    for text in ["git+rsync://h/a", "git+ftp://h/a", "ext::sh -c x", "u/..", "-u/p", "u/p x"] {
        assert_eq!(Spec::parse(text), None, "{text}");
    }
    for repository in ["--upload-pack=x", "ext::sh -c x", "-oProxyCommand=x", "/srv/repo", "https://h/\nx", ""] {
        assert!(check_repository(repository).is_err(), "{repository}");
    }
    assert!(check_repository("file:///srv/repo").is_ok());
}
