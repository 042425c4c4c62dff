//! `ssh`, played: a script that runs the command which git asks for here, on the repository that stands for the one of
//! the host. Nothing is connected to, and nobody is asked for a key.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use crate::project::Project;

/// Puts `ssh` first on the `PATH` that is returned.
pub(super) fn play(repositories: &Path, project: &Project) -> String {
    let folder = project.home().join("bin");
    let script = format!(
        "#!/bin/sh
for word; do
  case $word in -*) ;; *@*) host=${{word#*@}} ;; esac
  asked=$word
done
eval \"set -- $asked\"
test \"$1\" = git-upload-pack || exit 1
exec git-upload-pack '{}'/\"$host/${{2#/}}\"
",
        repositories.display()
    );
    let file = folder.join("ssh");
    let made = fs::create_dir_all(&folder)
        .and_then(|()| fs::write(&file, script))
        .and_then(|()| fs::set_permissions(&file, fs::Permissions::from_mode(0o755)));
    made.expect("the home is writable");
    let path = std::env::var("PATH").unwrap_or_default();
    format!("{}:{path}", folder.display())
}
