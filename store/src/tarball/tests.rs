use super::*;

/// One entry of a tar, with every field free.
#[derive(Clone)]
pub(crate) struct Entry {
    name: Vec<u8>,
    kind: u8,
    mode: u32,
    size: Option<u64>,
    data: Vec<u8>,
}

impl Entry {
    pub(crate) fn file(name: &str, data: &str) -> Self {
        Self { name: name.into(), kind: b'0', mode: 0o644, size: None, data: data.into() }
    }
    pub(crate) fn raw(name: &[u8]) -> Self {
        Self { name: name.to_vec(), ..Self::file("", "x") }
    }
    pub(crate) fn kind(mut self, kind: u8) -> Self {
        self.kind = kind;
        self
    }
    pub(crate) fn mode(mut self, mode: u32) -> Self {
        self.mode = mode;
        self
    }
    fn size(mut self, size: u64) -> Self {
        self.size = Some(size);
        self
    }
    pub(crate) fn pax(records: &[(&str, &str)]) -> Self {
        let mut body = String::new();
        for (key, value) in records {
            let rest = format!(" {key}={value}\n");
            let length = (1..).find(|n| *n == n.to_string().len() + rest.len()).unwrap();
            body += &format!("{length}{rest}");
        }
        Self { kind: b'x', ..Self::file("PaxHeader/x", &body) }
    }
    pub(crate) fn gnu_name(name: &str) -> Self {
        Self { kind: b'L', ..Self::file("././@LongLink", &format!("{name}\0")) }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut block = [0u8; BLOCK];
        block[..self.name.len()].copy_from_slice(&self.name);
        let size = self.size.unwrap_or(self.data.len() as u64);
        block[100..107].copy_from_slice(format!("{:07o}", self.mode).as_bytes());
        block[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
        block[156] = self.kind;
        block[257..263].copy_from_slice(b"ustar\0");
        block[148..156].copy_from_slice(b"        ");
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        let mut bytes = block.to_vec();
        bytes.extend_from_slice(&self.data);
        bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
        bytes
    }
}

/// A whole tar, with its end.
pub(crate) fn tar(entries: &[Entry]) -> Vec<u8> {
    let mut bytes: Vec<u8> = entries.iter().flat_map(Entry::bytes).collect();
    bytes.resize(bytes.len() + 2 * BLOCK, 0);
    bytes
}

fn paths(entries: &[Entry]) -> Result<Vec<String>, Rejection> {
    let bytes = tar(entries);
    let contents = read(&bytes, &Limits::default())?;
    Ok(contents.files.iter().map(|file| file.path.to_string()).collect())
}

fn code(entries: &[Entry]) -> &'static str {
    paths(entries).unwrap_err().code()
}

#[test]
fn files_come_out_by_path_without_their_top_folder() {
    let entries = [Entry::file("package/b.js", "b"), Entry::file("package/./a/x.js", "a"), Entry::file("other/c", "c")];
    assert_eq!(paths(&entries).unwrap(), ["a/x.js", "b.js", "c"]);
}

#[test]
fn paths_that_lead_out_are_refused() {
    for hostile in ["package/../../evil", "../evil", "/tmp/x", "package/a/../../../x", "..", "C:evil/x"] {
        assert_eq!(code(&[Entry::file(hostile, "x")]), "ERR_WASI_PM_TAR_PATH_TRAVERSAL", "{hostile}");
    }
    let pax = [Entry::pax(&[("path", "package/../../evil")]), Entry::file("package/good", "x")];
    assert_eq!(code(&pax), "ERR_WASI_PM_TAR_PATH_TRAVERSAL");
}

#[test]
fn paths_that_two_systems_read_differently_are_refused() {
    let long = format!("package/{}", "x".repeat(300));
    for hostile in ["package/a\\b", "package/\u{1b}[31m", "package/a\nb", "lonely"] {
        assert_eq!(code(&[Entry::file(hostile, "x")]), "ERR_WASI_PM_TAR_PATH", "{hostile:?}");
    }
    assert_eq!(code(&[Entry::raw(b"package/\xff")]), "ERR_WASI_PM_TAR_PATH");
    assert_eq!(code(&[Entry::pax(&[("path", &long)]), Entry::file("package/x", "x")]), "ERR_WASI_PM_TAR_PATH");
}

#[test]
fn links_devices_and_unknown_kinds_are_left_out_and_counted() {
    let odd = b"1234567SZ".iter().filter(|kind| !b"57".contains(kind));
    let mut entries: Vec<Entry> = odd.map(|kind| Entry::file("package/odd", "").kind(*kind)).collect();
    entries.push(Entry::file("package/kept", "x"));
    let bytes = tar(&entries);
    let contents = read(&bytes, &Limits::default()).unwrap();
    assert_eq!((contents.files.len(), contents.skipped), (1, 7));
}

#[test]
fn of_two_entries_with_one_path_the_last_counts() {
    let bytes = tar(&[Entry::file("package/a", "first"), Entry::file("package/./a", "last")]);
    let contents = read(&bytes, &Limits::default()).unwrap();
    assert_eq!(contents.files.len(), 1);
    assert_eq!(contents.files[0].data, b"last");
}

#[test]
fn a_file_cannot_be_a_folder_too() {
    let entries = [Entry::file("package/a", "x"), Entry::file("package/a/b", "x")];
    assert_eq!(code(&entries), "ERR_WASI_PM_TAR_FILE_DIR_CONFLICT");
}

#[test]
fn sizes_that_two_decoders_read_differently_are_refused() {
    let differs = [Entry::pax(&[("size", "3")]), Entry::file("package/a", "xxxx")];
    assert_eq!(code(&differs), "ERR_PNPM_TARBALL_EXTRACT");
    let same = [Entry::pax(&[("size", "4")]), Entry::file("package/a", "xxxx")];
    assert_eq!(paths(&same).unwrap(), ["a"]);
    let zero = [Entry::pax(&[("size", "4")]), Entry::file("package/a", "xxxx").size(0), Entry::file("package/b", "")];
    assert_eq!(paths(&zero).unwrap(), ["a", "b"]);
    for bare in *b"125" {
        let hidden =
            [Entry::pax(&[("size", "512")]), Entry::file("package/a", "").kind(bare), Entry::file("package/b", "")];
        assert_eq!(
            code(&hidden),
            "ERR_PNPM_TARBALL_EXTRACT",
            "what follows is data to one reader and a header to another"
        );
        let none =
            [Entry::pax(&[("size", "0")]), Entry::file("package/a", "").kind(bare), Entry::file("package/b", "")];
        assert_eq!(paths(&none).unwrap(), ["b"]);
    }
    let both = [Entry::pax(&[("mtime", "1")]), Entry::gnu_name("package/long"), Entry::file("package/a", "x")];
    assert_eq!(code(&both), "ERR_PNPM_TARBALL_EXTRACT");
    let two = [Entry::pax(&[("mtime", "1")]), Entry::pax(&[("mtime", "1")]), Entry::file("package/a", "x")];
    assert_eq!(code(&two), "ERR_PNPM_TARBALL_EXTRACT");
    assert_eq!(code(&[Entry::pax(&[("mtime", "1")])]), "ERR_PNPM_TARBALL_EXTRACT");
}

#[test]
fn long_names_of_both_kinds_are_read() {
    let name = format!("package/{}/file", "d".repeat(120));
    let gnu = [Entry::gnu_name(&name), Entry::file("package/cut", "x")];
    let pax = [Entry::pax(&[("path", &name)]), Entry::file("package/cut", "x")];
    assert_eq!(paths(&gnu).unwrap(), [&name[8..]]);
    assert_eq!(paths(&pax).unwrap(), [&name[8..]]);
}

#[test]
fn a_global_header_may_carry_a_comment_and_no_path() {
    let comment = [Entry::pax(&[("comment", "c0ffee")]).kind(b'g'), Entry::file("package/a", "x")];
    assert_eq!(paths(&comment).unwrap(), ["a"]);
    let path = [Entry::pax(&[("path", "package/b")]).kind(b'g'), Entry::file("package/a", "x")];
    assert_eq!(code(&path), "ERR_PNPM_TARBALL_EXTRACT");
}

#[test]
fn damaged_headers_are_refused() {
    let mut bytes = tar(&[Entry::file("package/a", "x"), Entry::file("package/b", "x")]);
    bytes[2 * BLOCK + 5] ^= 1;
    assert_eq!(read(&bytes, &Limits::default()).unwrap_err().code(), "ERR_PNPM_TARBALL_EXTRACT");
    let cut = tar(&[Entry::file("package/a", &"x".repeat(2000))]);
    assert_eq!(read(&cut[..1024], &Limits::default()).unwrap_err().code(), "ERR_PNPM_TARBALL_EXTRACT");
    let huge = Entry { size: None, ..Entry::file("package/a", "x") }.size(0o77777777777);
    assert_eq!(code(&[huge]), "ERR_PNPM_TARBALL_TOO_LARGE");
}

#[test]
fn an_archive_without_its_end_mark_is_read() {
    let bytes = tar(&[Entry::file("package/a", "x")]);
    let contents = read(&bytes[..bytes.len() - 2 * BLOCK], &Limits::default()).unwrap();
    assert_eq!(contents.files.len(), 1);
}

#[test]
fn every_limit_holds() {
    let deep = format!("package/{}", "a/".repeat(40) + "x");
    let entries =
        [Entry::pax(&[("path", &deep)]), Entry::file("package/x", "12345"), Entry::file("package/y", "12345")];
    let bytes = tar(&entries);
    assert!(read(&bytes, &Limits::default()).is_ok());
    let tight = [
        Limits { unpacked: 9, ..Limits::default() },
        Limits { entry: 4, ..Limits::default() },
        Limits { entries: 2, ..Limits::default() },
        Limits { path: 20, ..Limits::default() },
        Limits { depth: 10, ..Limits::default() },
    ];
    for limits in tight {
        assert_eq!(read(&bytes, &limits).unwrap_err().code(), "ERR_PNPM_TARBALL_TOO_LARGE", "{limits:?}");
    }
}

#[test]
fn any_executable_bit_counts_and_nothing_else_of_the_mode() {
    let modes = [0o644, 0o755, 0o6755, 0o100, 0o4000];
    let entries: Vec<Entry> =
        modes.iter().map(|mode| Entry::file(&format!("package/{mode}"), "x").mode(*mode)).collect();
    let bytes = tar(&entries);
    let contents = read(&bytes, &Limits::default()).unwrap();
    let executable: Vec<&str> =
        contents.files.iter().filter(|file| file.executable).map(|file| file.path.as_ref()).collect();
    assert_eq!(executable, ["3565", "493", "64"]);
}
