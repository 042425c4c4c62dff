//! Small text files, read whole within a limit.

use std::{
    fs::File,
    io::{ErrorKind, Read},
    path::Path,
};

use super::ConfigError;

/// Reads a file of at most `max` bytes without its byte order mark; `None` if there is none.
///
/// # Errors
/// It cannot be read, is larger, or is not UTF-8.
pub(super) fn read_text(path: &Path, max: u64, limit: &'static str) -> Result<Option<String>, ConfigError> {
    let failed = |source| ConfigError::Read { path: path.to_path_buf(), source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    // As large as the file at once: it would else be read in many small pieces.
    let size = file.metadata().map_or(0, |metadata| metadata.len().min(max));
    let mut text = String::with_capacity(usize::try_from(size).unwrap_or(0) + 1);
    file.take(max + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > max {
        return Err(ConfigError::TooLarge { path: path.to_path_buf(), limit });
    }
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    Ok(Some(text))
}
