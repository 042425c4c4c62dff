//! Which executables a `.bin` folder offers, and the writing of their shims. Names and targets are a stranger's: a name
//! must be safe by the store's rule, a target must be a file of its own package; others are left out, as in pnpm.

use std::{
    collections::BTreeMap,
    io::{self, Read as _, Write as _},
    path::Path,
    sync::OnceLock,
};

use wit::ImporterId;

use crate::{
    graph::{Placement, SnapshotIndex, Target},
    link::{
        Bin, Folder, LinkError, PackageSource,
        relative::{join, relative},
        shim::{Runtime, Shim},
    },
    state::{Layout, MODULES},
};

/// The folder of shims.
pub const BIN: &str = ".bin";
/// A `#!` line is looked for in so many bytes.
const HEAD: u64 = 512;

/// The executables of all packages, found when first asked for.
pub struct Catalogue<'a> {
    placement: &'a Placement,
    layout: &'a Layout,
    source: &'a dyn PackageSource,
    virtual_store: String,
    slots: String,
    found: Vec<OnceLock<Vec<Executable>>>,
}

/// One executable.
#[derive(Debug, Clone)]
struct Executable {
    name: String,
    package: String,
    /// Absolute.
    target: String,
    runtime: Runtime,
    /// Absolute.
    node_path: Vec<String>,
}

/// Someone who offers executables to a `.bin` folder.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Offer<'a> {
    /// Whose executables.
    pub(crate) target: &'a Target,
    /// A direct dependency: it beats what is only hoisted.
    pub(crate) direct: bool,
}

impl<'a> Catalogue<'a> {
    /// Knows nothing yet.
    #[must_use]
    pub fn new(placement: &'a Placement, layout: &'a Layout, source: &'a dyn PackageSource) -> Self {
        let found = placement.snapshots.iter().map(|_| OnceLock::new()).collect();
        Self { placement, layout, source, virtual_store: layout.virtual_store(), slots: layout.slots(), found }
    }

    /// Writes the shims of a slot: those of its own executables and of its dependencies'.
    pub(super) fn write_slot_shims(
        &self,
        index: SnapshotIndex,
        home: impl FnOnce() -> Result<Folder, LinkError>,
    ) -> Result<(), LinkError> {
        let snapshot = &self.placement.snapshots[index as usize];
        let own = Target::Snapshot(index);
        let offers = std::iter::once(&own).chain(snapshot.dependencies.iter().map(|link| &link.target));
        let folder = format!("{}/{MODULES}/{BIN}", self.home(index));
        let shims = self.shims(&folder, offers.map(|target| Offer { target, direct: true }));
        if shims.is_empty() {
            return Ok(());
        }
        let home = home()?;
        let written = || -> io::Result<()> {
            let into = home.make(MODULES)?.make(BIN)?;
            for (name, text) in &shims {
                into.remove_file(name).and_then(|()| into.create(name, 0o755))?.write_all(text.as_bytes())?;
            }
            Ok(())
        };
        written().map_err(LinkError::io("write", folder.clone()))
    }

    /// Name and text of the shims of one folder, conflicts settled: direct beats hoisted, the package of the command's
    /// name beats others, then the first name in the alphabet wins.
    pub(crate) fn shims<'b>(&self, folder: &str, offers: impl Iterator<Item = Offer<'b>>) -> BTreeMap<String, String> {
        let mut chosen: BTreeMap<&str, (bool, &Executable)> = BTreeMap::new();
        let mut projects = Vec::new();
        let offers: Vec<Offer<'_>> = offers.collect();
        for offer in &offers {
            if let Target::Directory(importer) = offer.target {
                projects.push(self.of_project(importer));
            }
        }
        let mut projects = projects.iter();
        for offer in &offers {
            let executables = match offer.target {
                Target::Snapshot(index) => self.of_snapshot(*index),
                Target::Directory(_) => projects.next().map_or(&[][..], Vec::as_slice),
            };
            for executable in executables {
                let place = chosen.entry(&executable.name).or_insert((offer.direct, executable));
                if rank(offer.direct, executable) < rank(place.0, place.1) {
                    *place = (offer.direct, executable);
                }
            }
        }
        chosen.into_iter().map(|(name, (_, executable))| (name.to_owned(), self.text(folder, executable))).collect()
    }

    fn text(&self, folder: &str, executable: &Executable) -> String {
        // A shared slot belongs to no project, so its shims name nobody's hoisted packages.
        let is_shared = self.layout.global.is_some() && folder.starts_with(&self.slots);
        let hoisted = format!("{}/{MODULES}", self.virtual_store);
        let node_path: Vec<String> = match self.layout.extend_node_path {
            true => {
                let paths = executable.node_path.iter().filter(|path| !is_shared || **path != hoisted);
                paths.map(|path| relative(folder, path)).collect()
            }
            false => Vec::new(),
        };
        let target = relative(folder, &executable.target);
        Shim { target: &target, runtime: &executable.runtime, node_path: &node_path }.text()
    }

    fn home(&self, index: SnapshotIndex) -> String {
        let snapshot = &self.placement.snapshots[index as usize];
        format!("{}/{}/{MODULES}/{}", self.slots, snapshot.slot, snapshot.name)
    }

    fn of_snapshot(&self, index: SnapshotIndex) -> &[Executable] {
        self.found[index as usize].get_or_init(|| {
            let contents = self.source.contents(index);
            if contents.bins.is_empty() {
                return Vec::new();
            }
            let package = self.placement.snapshots[index as usize].name.as_str();
            let home = self.home(index);
            let slot_modules = join(&home, if package.contains('/') { "../.." } else { ".." });
            let node_path =
                vec![format!("{home}/{MODULES}"), slot_modules, format!("{}/{MODULES}", self.virtual_store)];
            let store = self.source.open(index).ok();
            let usable = contents.bins.iter().filter_map(|bin| {
                let (name, path) = usable(bin)?;
                let file = contents.files.iter().find(|file| file.path == path)?;
                let head = store.as_ref().and_then(|store| head(store, &file.blob)).unwrap_or_default();
                Some(Executable {
                    name: name.to_owned(),
                    package: package.to_owned(),
                    target: format!("{home}/{path}"),
                    runtime: Runtime::detect(&head, path),
                    node_path: node_path.clone(),
                })
            });
            usable.collect()
        })
    }

    fn of_project(&self, importer: &ImporterId) -> Vec<Executable> {
        let Some(project) = self.layout.projects.get(importer) else { return Vec::new() };
        let home = self.layout.project(importer);
        let node_path = vec![format!("{home}/{MODULES}"), format!("{}/{MODULES}", self.virtual_store)];
        let usable = project.bins.iter().filter_map(|bin| {
            let (name, path) = usable(bin)?;
            let (folders, file) = path.rsplit_once('/').unwrap_or(("", path));
            let folder = Folder::open_path(Path::new(&home)).ok();
            let folder = folders
                .split('/')
                .filter(|part| !part.is_empty())
                .fold(folder, |folder, name| folder.and_then(|folder| folder.open(name).ok()));
            let head = folder.and_then(|folder| head(&folder, file)).unwrap_or_default();
            Some(Executable {
                name: name.to_owned(),
                package: project.name.clone(),
                target: format!("{home}/{path}"),
                runtime: Runtime::detect(&head, path),
                node_path: node_path.clone(),
            })
        });
        usable.collect()
    }
}

/// The lowest wins.
fn rank(direct: bool, executable: &Executable) -> (bool, bool, &str) {
    let owner = match executable.name.as_str() {
        "npx" => "npm",
        "pn" | "pnpx" | "pnx" => "pnpm",
        name => name,
    };
    (!direct, executable.package != owner, &executable.package)
}

/// The command and the file of a manifest's entry, if both may be used.
fn usable(bin: &Bin) -> Option<(&str, &str)> {
    let name = store::command_name(&bin.name)?;
    let path = bin.path.strip_prefix("./").unwrap_or(&bin.path);
    let inside = path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    let plain = !path.bytes().any(|byte| byte < 0x20 || byte == 0x7f || byte == b'\\');
    (inside && plain).then_some((name, path))
}

fn head(folder: &Folder, file: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    folder.read(file).ok()?.take(HEAD).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::usable;
    use crate::link::Bin;

    #[test]
    fn m01_to_m07_names_and_targets_that_leave_their_place_are_left_out() {
        let ok = |name: &str, path: &str| {
            usable(&Bin { name: name.to_owned(), path: path.to_owned() })
                .map(|(name, path)| (name.to_owned(), path.to_owned()))
        };
        assert_eq!(ok("@scope/tool", "./cli.js"), Some(("tool".to_owned(), "cli.js".to_owned())));
        assert_eq!(ok("run!", "cli.js"), Some(("run!".to_owned(), "cli.js".to_owned())));
        assert_eq!(ok("g++", "cli.js"), None);
        for name in ["../../evil", "..", ".", "", "/", "node_modules", "@s/../../x", "a\nb", "a b", "$(x)", "%P%", "`"]
        {
            assert_eq!(ok(name, "cli.js"), None, "{name:?}");
        }
        for path in ["../../etc/passwd", "/etc/passwd", "a/../../b", "", "a\nb", "a//b"] {
            assert_eq!(ok("tool", path), None, "{path:?}");
        }
    }
}
