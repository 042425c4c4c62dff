//! Replaces files that the user keeps: written aside, synced, renamed. Whoever reads one sees the old text or the new,
//! also after a crash.

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
};

/// What is to be replaced where a path may be a link: what it leads to, if that is below a folder.
///
/// # Errors
/// It leads out of the folder.
pub(crate) fn real(path: &Path, inside: &Path) -> io::Result<PathBuf> {
    let real = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let inside = inside.canonicalize().unwrap_or_else(|_| inside.to_path_buf());
    if path.is_symlink() && !real.starts_with(&inside) {
        return Err(io::Error::other("it is a symbolic link that leads out of the workspace"));
    }
    Ok(real)
}

/// Replaces a file, or makes it; its permissions stay.
///
/// # Errors
/// As the system's calls; the old file stands then.
pub(crate) fn file(path: &Path, text: &str) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let aside = path.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
    let written = || {
        // Whatever stands there is not written through: it could be a link that came with the project.
        if let Err(error) = std::fs::remove_file(&aside)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(&aside)?;
        if let Ok(old) = std::fs::metadata(path) {
            file.set_permissions(old.permissions())?;
        }
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&aside, path)
    };
    written().inspect_err(|_| drop(std::fs::remove_file(&aside)))
}
