//! What has been resolved, in the host's own words: every string in here has passed the checks of `wit::names`.
//! `engine::convert` makes it from what the component returns; `fetch`, `plan` and `link` read it.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};
use wit::{Alias, DepPath, ImporterId, PackageName, Slot};

/// Everything to be placed: the outcome of a session, or of a lockfile that fits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Placement {
    /// All packages; links name them by index.
    pub snapshots: Vec<Snapshot>,
    /// What goes into each project's `node_modules`.
    pub roots: Vec<ImporterLinks>,
    /// What is hoisted, in pnpm's order.
    pub hoisted: Vec<HoistedLink>,
    /// Optional packages left out.
    pub skipped: Vec<Skipped>,
    /// What the user should hear.
    pub notices: Vec<Notice>,
    /// The new `pnpm-lock.yaml`; `None`: the old one still holds.
    pub lockfile: Option<String>,
    /// `node_modules/.pnpm/lock.yaml`; `None`: it equals the lockfile.
    pub current_lockfile: Option<String>,
}

impl Placement {
    /// Leaves these snapshots out, with every link to them, and with what nothing reaches any more. Returns the old
    /// index of each snapshot that stays.
    pub fn leave_out(&mut self, gone: &HashSet<SnapshotIndex>) -> Vec<SnapshotIndex> {
        let stays = |target: &Target| !matches!(target, Target::Snapshot(at) if gone.contains(at));
        for root in &mut self.roots {
            root.links.retain(|link| stays(&link.target));
        }
        let mut reached = HashSet::new();
        let mut open: Vec<SnapshotIndex> = self.roots.iter().flat_map(|root| &root.links).filter_map(at).collect();
        while let Some(next) = open.pop() {
            if reached.insert(next) {
                let links = &mut self.snapshots[next as usize].dependencies;
                links.retain(|link| stays(&link.target));
                open.extend(links.iter().filter_map(|link| index(&link.target)));
            }
        }
        let kept: Vec<SnapshotIndex> = (0..).take(self.snapshots.len()).filter(|at| reached.contains(at)).collect();
        let renamed: HashMap<SnapshotIndex, SnapshotIndex> = kept.iter().copied().zip(0..).collect();
        let mut position = 0;
        self.snapshots.retain(|_| {
            position += 1;
            reached.contains(&(position - 1))
        });
        self.hoisted.retain(|link| index(&link.target).is_none_or(|at| reached.contains(&at)));
        let links = self.snapshots.iter_mut().flat_map(|snapshot| &mut snapshot.dependencies);
        let targets = links.map(|link| &mut link.target);
        let targets =
            targets.chain(self.roots.iter_mut().flat_map(|root| &mut root.links).map(|link| &mut link.target));
        for target in targets.chain(self.hoisted.iter_mut().map(|link| &mut link.target)) {
            if let Target::Snapshot(at) = target {
                *at = renamed[at];
            }
        }
        kept
    }
}

fn at(link: &RootLink) -> Option<SnapshotIndex> {
    index(&link.target)
}

fn index(target: &Target) -> Option<SnapshotIndex> {
    match target {
        Target::Snapshot(at) => Some(*at),
        Target::Directory(_) => None,
    }
}

/// An index into [`Placement::snapshots`].
pub type SnapshotIndex = u32;

/// One package, placed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Its identity.
    pub dep_path: DepPath,
    /// Its folder inside the virtual store.
    pub slot: Slot,
    /// Its name: the folder below `<slot>/node_modules`.
    pub name: PackageName,
    /// Its version, as the lockfile has it.
    pub version: String,
    /// Where its bytes come from.
    pub source: Source,
    /// Its dependencies, by alias.
    pub dependencies: Vec<Link>,
    /// A failure to fetch it is no error.
    pub optional: bool,
    /// Its manifest names executables.
    pub has_bin: bool,
    /// It has scripts to run; `None` where only the unpacked package can tell.
    pub requires_build: Option<bool>,
    /// The sha256 of the patch to apply, hexadecimal.
    pub patch: Option<String>,
}

/// Where the bytes of a package come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Source {
    /// A tarball of a registry.
    Registry {
        /// A named registry other than the one that name and scope lead to.
        registry: Option<String>,
        /// Set where it is not the canonical address.
        tarball: Option<String>,
        /// The Subresource Integrity text.
        integrity: Option<String>,
    },
    /// A tarball that no registry vouches for.
    Tarball {
        /// An http(s) address or `file:<path>` relative to the lockfile's folder.
        url: String,
        /// The Subresource Integrity text.
        integrity: Option<String>,
        /// An archive that a git host makes.
        git_hosted: bool,
        /// A folder inside it.
        path: Option<String>,
    },
    /// A commit.
    Git {
        /// The repository's address.
        repository: String,
        /// 40 or 64 hexadecimal digits.
        commit: String,
        /// A folder inside it.
        path: Option<String>,
    },
    /// A folder, relative to the lockfile's.
    Directory(String),
    /// Not installed by this version: its type.
    Unsupported(String),
    /// What a plugin has answered.
    Custom {
        /// The name it is declared with.
        plugin: String,
        /// Opaque to all but the plugin.
        value: String,
        /// The Subresource Integrity text.
        integrity: Option<String>,
    },
}

/// An edge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Link {
    /// The folder name below `node_modules`.
    pub alias: Alias,
    /// Where it leads.
    pub target: Target,
}

/// Where a link leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// A package of this placement.
    Snapshot(SnapshotIndex),
    /// A folder relative to the lockfile's.
    Directory(ImporterId),
}

/// What goes into one project's `node_modules`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImporterLinks {
    /// Whose.
    pub importer: ImporterId,
    /// By alias.
    pub links: Vec<RootLink>,
}

/// A direct dependency.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RootLink {
    /// The key in the manifest.
    pub alias: Alias,
    /// The package behind it.
    pub real_name: PackageName,
    /// Its version.
    pub version: Option<String>,
    /// What `latest` points to, where metadata was seen.
    pub latest: Option<String>,
    /// The field of the manifest.
    pub group: Group,
    /// Where it leads.
    pub target: Target,
}

/// The field of `package.json` that an edge comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Group {
    /// `dependencies`.
    Prod,
    /// `devDependencies`.
    Dev,
    /// `optionalDependencies`.
    Optional,
    /// `peerDependencies`.
    Peer,
}

impl Group {
    /// The field of a manifest.
    #[must_use]
    pub fn field(self) -> &'static str {
        match self {
            Self::Prod => "dependencies",
            Self::Dev => "devDependencies",
            Self::Optional => "optionalDependencies",
            Self::Peer => "peerDependencies",
        }
    }
}

/// A dependency of a dependency that is lifted into a shared folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HoistedLink {
    /// The folder name.
    pub alias: Alias,
    /// The dep-path or importer that is lifted: a key of `hoistedDependencies` in `.modules.yaml`.
    pub owner: String,
    /// Where it leads.
    pub target: Target,
    /// Into the root's `node_modules`, not the virtual store's.
    pub public: bool,
}

/// An optional package that is left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Skipped {
    /// Its identity.
    pub dep_path: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
    /// Why.
    pub reason: SkipReason,
    /// Wanted and present, for people.
    pub detail: String,
    /// Who asked for it.
    pub parents: Vec<String>,
}

/// Why an optional package is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SkipReason {
    /// `os`, `cpu` or `libc`.
    UnsupportedPlatform,
    /// `engines`.
    UnsupportedEngine,
    /// It could not be resolved.
    ResolutionFailure,
}

/// What the user should hear.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Notice {
    /// A package carries a deprecation notice.
    Deprecated {
        /// Its name.
        name: String,
        /// Its version.
        version: String,
        /// The registry's words.
        message: String,
        /// Who depends on it.
        importer: String,
        /// 0: directly.
        depth: u32,
    },
    /// A peer dependency is missing or does not fit.
    PeerIssue(PeerIssue),
    /// Anything else.
    Other(Failure),
}

/// A peer dependency that is missing or does not fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerIssue {
    /// In which project.
    pub importer: String,
    /// From the project to the package that declares the peer: `name@version`.
    pub chain: Vec<String>,
    /// The peer.
    pub peer: String,
    /// The range it should satisfy.
    pub wanted: String,
    /// What is there.
    pub found: Option<String>,
    /// The peer is optional.
    pub optional: bool,
    /// It is missing, and those who ask for it exclude each other.
    pub conflict: bool,
}

/// One reason why something could not be done, as the component words it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// `ERR_PNPM_*` or `ERR_WASI_PM_*`.
    pub code: String,
    /// One sentence without a final stop.
    pub message: String,
    /// Names and values.
    pub facts: Vec<(String, String)>,
    /// From the importer to the culprit.
    pub chain: Vec<String>,
    /// What the user can do.
    pub hint: Option<String>,
}
