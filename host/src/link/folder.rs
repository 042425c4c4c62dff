//! A held directory handle and the few operations that `link` needs of it. Every name given here is exactly one path
//! component: whatever a stranger wrote, nothing outside the handle can be reached, and no link is followed. A *way* is
//! several of them with `/`, through folders that the caller has made a moment ago, in a place that nobody else can
//! reach: none of them can be a link either, and opening each would cost more.

use std::{io, os::fd::OwnedFd, path::Path};

use rustix::{
    fs::{self, AtFlags, CWD, FlockOperation, Mode, OFlags, RawMode, RenameFlags},
    io::Errno,
};

/// A directory that is held open.
#[derive(Debug)]
pub struct Folder(OwnedFd);

/// A folder among all there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    device: fs::Dev,
    inode: u64,
}

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file of so many bytes.
    File(u64),
    /// A folder.
    Folder,
    /// A symbolic link.
    Symlink,
    /// A device, socket or pipe.
    Other,
}

const DIRECTORY: OFlags = OFlags::DIRECTORY.union(OFlags::CLOEXEC);

impl Folder {
    /// Opens a folder that the user named; links in its path are followed.
    ///
    /// # Errors
    /// As `open(2)`.
    pub fn open_path(path: &Path) -> io::Result<Self> {
        Ok(Self(fs::openat(CWD, path, DIRECTORY, Mode::empty())?))
    }

    /// Opens a folder in here, never through a link.
    ///
    /// # Errors
    /// `NotADirectory` if it is a link or a file.
    pub fn open(&self, name: &str) -> io::Result<Self> {
        Ok(Self(fs::openat(&self.0, component(name)?, DIRECTORY | OFlags::NOFOLLOW, Mode::empty())?))
    }

    /// Makes a folder and opens it; one that is there already is opened.
    ///
    /// # Errors
    /// As `mkdir(2)` and [`Folder::open`].
    pub fn make(&self, name: &str) -> io::Result<Self> {
        match fs::mkdirat(&self.0, component(name)?, Mode::from_raw_mode(0o777)) {
            Ok(()) | Err(Errno::EXIST) => self.open(name),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Makes a folder that must not be there yet, and opens it.
    ///
    /// # Errors
    /// As `mkdir(2)` and [`Folder::open`].
    pub fn make_new(&self, name: &str) -> io::Result<Self> {
        fs::mkdirat(&self.0, component(name)?, Mode::from_raw_mode(0o777))?;
        self.open(name)
    }

    /// Opens the folder `a/b/c` to look at what is in it, through no link.
    ///
    /// # Errors
    /// As [`Folder::open`].
    pub fn open_below(&self, path: &str) -> io::Result<Self> {
        #[cfg(target_os = "linux")]
        {
            // One call in place of one for each component; old kernels do not have it.
            let resolve = fs::ResolveFlags::BENEATH | fs::ResolveFlags::NO_SYMLINKS;
            match fs::openat2(&self.0, path, DIRECTORY | OFlags::PATH, Mode::empty(), resolve) {
                Err(Errno::NOSYS | Errno::PERM) => {}
                opened => return Ok(Self(opened?)),
            }
        }
        path.split('/').try_fold(self.try_clone()?, |folder, name| folder.open(name))
    }

    /// Follows `a/b/c`, making what is missing.
    ///
    /// # Errors
    /// As [`Folder::make`].
    pub fn make_all(&self, path: &str) -> io::Result<Self> {
        let (first, rest) = path.split_once('/').map_or((path, None), |(first, rest)| (first, Some(rest)));
        let rest = rest.into_iter().flat_map(|rest| rest.split('/'));
        rest.fold(self.make(first), |folder, name| folder?.make(name))
    }

    /// Another handle of the same folder.
    ///
    /// # Errors
    /// When there are no handles left.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self(self.0.try_clone()?))
    }

    /// What a name stands for; `None`: nothing.
    ///
    /// # Errors
    /// As `stat(2)`.
    pub fn kind(&self, name: &str) -> io::Result<Option<Kind>> {
        let stat = match fs::statat(&self.0, component(name)?, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(errno.into()),
        };
        Ok(Some(match fs::FileType::from_raw_mode(stat.st_mode) {
            fs::FileType::RegularFile => Kind::File(u64::try_from(stat.st_size).unwrap_or(0)),
            fs::FileType::Directory => Kind::Folder,
            fs::FileType::Symlink => Kind::Symlink,
            _ => Kind::Other,
        }))
    }

    /// Whether the way `a/b/c` ends at a folder: one call, for a guess only, since it goes through links but the last.
    #[must_use]
    pub fn has_folder_below(&self, way: &str) -> bool {
        let stat = components(way).and_then(|way| Ok(fs::statat(&self.0, way, AtFlags::SYMLINK_NOFOLLOW)?));
        stat.is_ok_and(|stat| fs::FileType::from_raw_mode(stat.st_mode) == fs::FileType::Directory)
    }

    /// Whether a name stands for this very folder, which is held open.
    #[must_use]
    pub fn is_named(&self, name: &str, folder: &Self) -> bool {
        let named = component(name).and_then(|name| Ok(fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?));
        let named = named.map(|stat| Identity { device: stat.st_dev, inode: stat.st_ino });
        named.is_ok_and(|named| folder.identity().is_ok_and(|held| held == named))
    }

    /// Makes the last folder of a way; `false` if something stands there already, which may be anything.
    ///
    /// # Errors
    /// As `mkdir(2)`.
    pub fn make_new_below(&self, way: &str) -> io::Result<bool> {
        match fs::mkdirat(&self.0, components(way)?, Mode::from_raw_mode(0o777)) {
            Ok(()) => Ok(true),
            Err(Errno::EXIST) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Opens the last folder of a way, never through a link.
    ///
    /// # Errors
    /// As [`Folder::open`].
    pub fn open_way(&self, way: &str) -> io::Result<Self> {
        Ok(Self(fs::openat(&self.0, components(way)?, DIRECTORY | OFlags::NOFOLLOW, Mode::empty())?))
    }

    /// Hard links a file of another folder to the end of a way.
    ///
    /// # Errors
    /// As `link(2)`.
    pub fn link_from(&self, from: &Self, from_name: &str, way: &str) -> io::Result<()> {
        Ok(fs::linkat(&from.0, component(from_name)?, &self.0, components(way)?, AtFlags::empty())?)
    }

    /// Makes a symbolic link.
    ///
    /// # Errors
    /// As `symlink(2)`.
    pub fn symlink(&self, target: &str, name: &str) -> io::Result<()> {
        Ok(fs::symlinkat(target, &self.0, component(name)?)?)
    }

    /// Makes a symbolic link at the end of a way.
    ///
    /// # Errors
    /// As `symlink(2)`.
    pub fn symlink_below(&self, target: &str, way: &str) -> io::Result<()> {
        Ok(fs::symlinkat(target, &self.0, components(way)?)?)
    }

    /// Where a symbolic link leads; `None`: there is none of this name.
    #[must_use]
    pub fn read_link(&self, name: &str) -> Option<String> {
        let target = fs::readlinkat(&self.0, component(name).ok()?, Vec::new()).ok()?;
        target.into_string().ok()
    }

    /// Where the link `name` in the folder `a/b/c` leads: one call, for looking only, since it goes through links.
    #[must_use]
    pub fn read_link_below(&self, path: &str, name: &str) -> Option<String> {
        let inside = components(path).is_ok();
        let path = inside.then(|| component(name).map(|name| format!("{path}/{name}")).ok()).flatten()?;
        fs::readlinkat(&self.0, path, Vec::new()).ok()?.into_string().ok()
    }

    /// Creates a file that must not be there yet.
    ///
    /// # Errors
    /// As `open(2)` and `write(2)`.
    pub fn create(&self, name: &str, mode: RawMode) -> io::Result<std::fs::File> {
        self.create_below(component(name)?, mode)
    }

    /// Creates a file that must not be there yet, at the end of a way.
    ///
    /// # Errors
    /// As `open(2)` and `write(2)`.
    pub fn create_below(&self, way: &str, mode: RawMode) -> io::Result<std::fs::File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        Ok(fs::openat(&self.0, components(way)?, flags, Mode::from_raw_mode(mode))?.into())
    }

    /// Opens a file that is there to be locked, made where it is missing, and tells whether it was made. For reading
    /// and writing, because `flock(2)` over NFS wants the one for shared locks and the other for exclusive ones; where
    /// somebody else's file may not be written, for reading alone, which is enough elsewhere.
    ///
    /// # Errors
    /// As `open(2)`.
    pub fn lockable(&self, name: &str) -> io::Result<(std::fs::File, bool)> {
        let name = component(name)?;
        let open = |flags: OFlags| {
            let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
            fs::openat(&self.0, name, flags, Mode::from_raw_mode(0o644)).map(std::fs::File::from)
        };
        match open(OFlags::RDWR | OFlags::CREATE | OFlags::EXCL) {
            Err(Errno::EXIST) => {}
            made => return Ok((made?, true)),
        }
        match open(OFlags::RDWR) {
            Err(Errno::ACCESS | Errno::PERM | Errno::ROFS) => Ok((open(OFlags::RDONLY)?, false)),
            held => Ok((held?, false)),
        }
    }

    /// Opens a file for reading, never through a link.
    ///
    /// # Errors
    /// As `open(2)`.
    pub fn read(&self, name: &str) -> io::Result<std::fs::File> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        Ok(fs::openat(&self.0, component(name)?, flags, Mode::empty())?.into())
    }

    /// Moves an entry to another folder, over what is there where the system allows it.
    ///
    /// # Errors
    /// As `rename(2)`.
    pub fn rename_to(&self, name: &str, to: &Self, to_name: &str) -> io::Result<()> {
        Ok(fs::renameat(&self.0, component(name)?, &to.0, component(to_name)?)?)
    }

    /// Moves an entry to the end of a way.
    ///
    /// # Errors
    /// As `rename(2)`.
    pub fn move_below(&self, name: &str, to: &Self, way: &str) -> io::Result<()> {
        Ok(fs::renameat(&self.0, component(name)?, &to.0, components(way)?)?)
    }

    /// Swaps two entries in one step.
    ///
    /// # Errors
    /// As `renameat2(2)`; not every file system can.
    pub fn exchange(&self, name: &str, with: &Self, with_name: &str) -> io::Result<()> {
        let (name, with_name) = (component(name)?, component(with_name)?);
        Ok(fs::renameat_with(&self.0, name, &with.0, with_name, RenameFlags::EXCHANGE)?)
    }

    /// Removes a file or link; one that is not there is no error.
    ///
    /// # Errors
    /// As `unlink(2)`.
    pub fn remove_file(&self, name: &str) -> io::Result<()> {
        match fs::unlinkat(&self.0, component(name)?, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Removes whatever stands under the name, never through a link.
    ///
    /// # Errors
    /// As the system's calls.
    pub fn remove_tree(&self, name: &str) -> io::Result<()> {
        match self.kind(name)? {
            None => Ok(()),
            Some(Kind::Folder) => {
                cap_std::fs::Dir::from_std_file(self.0.try_clone()?.into()).remove_dir_all(component(name)?)
            }
            Some(_) => self.remove_file(name),
        }
    }

    /// Locks the folder for as long as this handle lives; `false` if somebody else has it locked.
    ///
    /// # Errors
    /// As `flock(2)`: some file systems have no locks.
    pub fn try_lock(&self) -> io::Result<bool> {
        match fs::flock(&self.0, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(true),
            Err(Errno::WOULDBLOCK) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Removes a folder if nothing is in it.
    pub fn remove_if_empty(&self, name: &str) {
        if let Ok(name) = component(name) {
            let _ = fs::unlinkat(&self.0, name, AtFlags::REMOVEDIR);
        }
    }

    /// The names in here, sorted; those that are not UTF-8 are left out.
    ///
    /// # Errors
    /// As `getdents(2)`.
    pub fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::Dir::read_from(&self.0)? {
            let entry = entry?;
            if let Ok(name) = entry.file_name().to_str()
                && name != "."
                && name != ".."
            {
                names.push(name.to_owned());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// So many names in here at most, of those that the kernel lists with its first answer: one call. The handle must
    /// be a new one, since it remembers what it has listed.
    ///
    /// # Errors
    /// As `getdents(2)`.
    pub fn first_names(&self, most: usize) -> io::Result<Vec<String>> {
        #[cfg(target_os = "linux")]
        {
            let mut names = Vec::new();
            let mut buffer = [std::mem::MaybeUninit::uninit(); 1024];
            let mut entries = fs::RawDir::new(&self.0, &mut buffer);
            while let Some(entry) = entries.next() {
                let entry = entry?;
                if let Ok(name) = entry.file_name().to_str()
                    && name != "."
                    && name != ".."
                {
                    names.push(name.to_owned());
                }
                if names.len() == most || entries.is_buffer_empty() {
                    break;
                }
            }
            Ok(names)
        }
        #[cfg(not(target_os = "linux"))]
        {
            let mut names = self.names()?;
            names.truncate(most);
            Ok(names)
        }
    }

    /// What tells this folder from all others, as long as it is there.
    ///
    /// # Errors
    /// As `fstat(2)`.
    pub fn identity(&self) -> io::Result<Identity> {
        let stat = fs::fstat(&self.0)?;
        Ok(Identity { device: stat.st_dev, inode: stat.st_ino })
    }
}

impl From<cap_std::fs::Dir> for Folder {
    fn from(folder: cap_std::fs::Dir) -> Self {
        Self(folder.into())
    }
}

fn component(name: &str) -> io::Result<&str> {
    if name.is_empty() || name == "." || name == ".." || name.bytes().any(|byte| byte == b'/' || byte == 0) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{name:?} is not one path component")));
    }
    Ok(name)
}

fn components(way: &str) -> io::Result<&str> {
    // By bytes: a package has thirty files, and each has a way.
    let bytes = way.as_bytes();
    let is_one = |name: &[u8]| !matches!(name, b"" | b"." | b"..");
    match bytes.split(|byte| *byte == b'/').all(is_one) && bytes.iter().all(|byte| *byte != 0) {
        true => Ok(way),
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{way:?} leads out of its folder"))),
    }
}
