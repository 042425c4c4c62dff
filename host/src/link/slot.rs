//! Builds one slot: the package's folders and files, the links to its dependencies. Its shims come last, because they
//! tell of other packages ([`crate::link::bins`]). The slot is new and out of reach, so nothing is looked at before it
//! is made.
//!
//! ```text
//! <slot>/node_modules/<name>/...files            folders with many files are held, others named on the way (`files.rs`)
//!                    /<name>/node_modules/.bin   shims of its own and its dependencies' executables
//!                    /<alias> -> ../../<other slot>/node_modules/<other name>
//! ```

use std::io::ErrorKind;

use crate::{
    graph::{SnapshotIndex, Target},
    link::{
        Bench, Folder, Importer, Job, LinkError,
        ahead::Filled,
        files::{FileFailure, Files, Why, normal},
        import::ImportFailure,
        patched,
    },
    plan::LinkTexts,
    report::event::ImportMethod,
    state::MODULES,
};

/// `node_modules` of a slot.
enum Modules<'a> {
    /// The slot is new: the way to it from the staging folder, which is not worth a handle for the few links of most.
    New(&'a Folder, String),
    Held(Folder),
}

impl Modules<'_> {
    /// Where ways begin.
    fn folder(&self) -> &Folder {
        match self {
            Self::New(staging, _) => staging,
            Self::Held(folder) => folder,
        }
    }

    fn way(&self, name: &str) -> String {
        match self {
            Self::New(_, way) => format!("{way}/{name}"),
            Self::Held(_) => name.to_owned(),
        }
    }

    /// The way to a package; the folder of its scope is made.
    fn way_to(&self, package: &str) -> std::io::Result<String> {
        if let Some((scope, _)) = package.split_once('/')
            && !self.folder().make_new_below(&self.way(scope))?
        {
            self.make(scope)?; // what stands there is looked at
        }
        Ok(self.way(package))
    }

    fn make(&self, name: &str) -> std::io::Result<Folder> {
        let way = self.way(name);
        self.folder().make_new_below(&way)?;
        self.folder().open_way(&way)
    }

    /// A package's folder, made and opened.
    fn make_all(&self, package: &str) -> std::io::Result<Folder> {
        let way = self.way_to(package)?;
        self.folder().make_new_below(&way)?;
        self.folder().open_way(&way)
    }

    fn symlink(&self, target: &str, name: &str) -> std::io::Result<()> {
        self.folder().symlink_below(target, &self.way(name))
    }
}

/// What a slot is called in the staging folder.
pub(super) fn staged(job: &Job<'_>, index: SnapshotIndex) -> String {
    match job.layout.global {
        Some(_) => index.to_string(),
        None => job.placement.snapshots[index as usize].slot.as_str().to_owned(),
    }
}

/// Builds slots in a staging folder; shared by all threads.
pub(super) struct Builder<'a> {
    job: &'a Job<'a>,
    staging: &'a Folder,
    importer: &'a Importer,
    filled: Option<(&'a Bench, &'a Filled)>,
    slots: String,
    texts: LinkTexts<'a>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(job: &'a Job<'a>, staging: &'a Folder, importer: &'a Importer) -> Self {
        let texts = LinkTexts::new(job.placement, job.layout);
        Self { job, staging, importer, filled: None, slots: job.layout.slots(), texts }
    }

    /// Takes packages that have been filled ahead, on this bench.
    pub(super) fn taking(self, bench: &'a Bench, filled: &'a Filled) -> Self {
        Self { filled: Some((bench, filled)), ..self }
    }

    /// How files are brought in by now.
    pub(super) fn method(&self) -> ImportMethod {
        self.importer.method()
    }

    /// Files and links; answers with the package's own folder, if it was opened.
    pub(super) fn build(&self, index: SnapshotIndex) -> Result<Option<Folder>, LinkError> {
        let snapshot = &self.job.placement.snapshots[index as usize];
        let path = || format!("{}/{}", self.slots, snapshot.slot);
        let modules = self.modules(index).map_err(|error| LinkError::io("make", path())(error))?;
        let home = if self.is_given(index, &modules) {
            None
        } else {
            let home = modules.make_all(snapshot.name.as_str());
            let home = home.map_err(|error| LinkError::io("make", path())(error))?;
            self.files(index, &home)?;
            Some(home)
        };
        self.links(index, &modules).map_err(|error| LinkError::io("link in", path())(error))?;
        Ok(home)
    }

    /// The package's own folder in its slot.
    pub(super) fn home(&self, index: SnapshotIndex) -> Result<Folder, LinkError> {
        let snapshot = &self.job.placement.snapshots[index as usize];
        let home = self.modules(index).and_then(|modules| modules.make_all(snapshot.name.as_str()));
        home.map_err(|error| LinkError::io("make", format!("{}/{}", self.slots, snapshot.slot))(error))
    }

    /// The package has been filled ahead: then it is where it belongs now.
    fn is_given(&self, index: SnapshotIndex, modules: &Modules<'_>) -> bool {
        let Some((bench, filled)) = self.filled else { return false };
        let snapshot = &self.job.placement.snapshots[index as usize];
        let Ok(way) = modules.way_to(snapshot.name.as_str()) else { return false };
        filled.give(bench, snapshot, modules.folder(), &way)
    }

    /// `node_modules` of the slot.
    fn modules(&self, index: SnapshotIndex) -> std::io::Result<Modules<'a>> {
        let slot = staged(self.job, index);
        let way = format!("{slot}/{MODULES}");
        if self.staging.make_new_below(&slot)? && self.staging.make_new_below(&way)? {
            return Ok(Modules::New(self.staging, way));
        }
        Ok(Modules::Held(self.staging.make(&slot)?.make(MODULES)?))
    }

    /// The package's files, but those that its patch changes.
    fn files(&self, index: SnapshotIndex, home: &Folder) -> Result<(), LinkError> {
        let contents = self.job.source.contents(index);
        let store = self.job.source.open(index).map_err(|error| match error.kind() {
            // What is there and cannot be opened (no handles left, no permission) would be fetched again in vain.
            ErrorKind::NotFound | ErrorKind::NotADirectory => self.damaged(index, error.to_string()),
            _ => LinkError::io("open", format!("the store's copy of {}", self.package(index)))(error),
        })?;
        let is_checked = self.job.verify && !contents.is_new;
        let patched = patched::changes(self.job, index, &store)?;
        let files = Files { contents, store: &store, importer: self.importer, is_checked };
        let placed = files.place(home, |path| patched.contains_key(path));
        placed.map_err(|FileFailure { path, why }| match why {
            Why::Folder(error) => LinkError::io("make", self.shown(index, path))(error),
            Why::File(ImportFailure::Damaged(detail)) => self.damaged(index, detail),
            Why::File(ImportFailure::NoClones(source)) => {
                LinkError::NoClones { path: self.shown(index, path).into(), source }
            }
            Why::File(ImportFailure::Io(error)) => LinkError::io("place", self.shown(index, path))(error),
        })?;
        patched.iter().try_for_each(|(path, change)| {
            let is_bin = contents.bins.iter().any(|bin| normal(&bin.path) == path);
            patched::write(home, path, change, is_bin).map_err(LinkError::io("write", self.shown(index, path)))
        })
    }

    fn links(&self, index: SnapshotIndex, modules: &Modules<'_>) -> std::io::Result<()> {
        let snapshot = &self.job.placement.snapshots[index as usize];
        let mut scope: Option<(&str, Folder)> = None;
        for link in &snapshot.dependencies {
            let alias = link.alias.as_str();
            if alias == snapshot.name.as_str() {
                continue; // its own folder stands there
            }
            let target = self.target(index, alias, &link.target);
            let Some((name, rest)) = alias.split_once('/') else {
                modules.symlink(&target, alias)?;
                continue;
            };
            if scope.as_ref().is_none_or(|(held, _)| *held != name) {
                scope = Some((name, modules.make(name)?));
            }
            if let Some((_, folder)) = &scope {
                folder.symlink(&target, rest)?;
            }
        }
        Ok(())
    }

    fn target(&self, index: SnapshotIndex, alias: &str, target: &Target) -> String {
        let placement = self.job.placement;
        match target {
            // The common case, written out: 3,827 of them in the fixture.
            Target::Snapshot(to) if self.job.layout.global.is_none() => {
                let to = &placement.snapshots[*to as usize];
                let up = if alias.contains('/') { "../../.." } else { "../.." };
                format!("{up}/{}/{MODULES}/{}", to.slot, to.name)
            }
            _ => {
                let from = format!("{}/{}/{MODULES}", self.slots, placement.snapshots[index as usize].slot);
                self.texts.text(&from, alias, target)
            }
        }
    }

    fn damaged(&self, snapshot: SnapshotIndex, detail: String) -> LinkError {
        LinkError::Damaged { snapshot, package: self.package(snapshot).to_owned(), detail }
    }

    fn package(&self, snapshot: SnapshotIndex) -> &str {
        self.job.placement.snapshots[snapshot as usize].dep_path.as_str()
    }

    fn shown(&self, index: SnapshotIndex, file: &str) -> String {
        let snapshot = &self.job.placement.snapshots[index as usize];
        format!("{}/{}/{MODULES}/{}/{}", self.slots, snapshot.slot, snapshot.name, file)
    }
}
