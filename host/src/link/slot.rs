//! Builds one slot: the package's folders and files, the links to its dependencies. Its shims come last, because they
//! tell of other packages ([`crate::link::bins`]). The slot is new and out of reach, so nothing is looked at before it is
//! made.
//!
//! ```text
//! <slot>/node_modules/<name>/...files            handles of the folders on the way are held, one per level
//!                    /<name>/node_modules/.bin   shims of its own and its dependencies' executables
//!                    /<alias> -> ../../<other slot>/node_modules/<other name>
//! ```

use std::collections::HashSet;

use crate::{
    graph::{SnapshotIndex, Target},
    link::{
        Folder, Importer, Job, LinkError, StoreFile,
        import::{self, ImportFailure},
        patched,
    },
    plan::LinkTexts,
    report::event::ImportMethod,
    state::MODULES,
};

/// Builds slots in a staging folder; shared by all threads.
pub(super) struct Builder<'a> {
    job: &'a Job<'a>,
    staging: &'a Folder,
    importer: &'a Importer,
    slots: String,
    texts: LinkTexts<'a>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(job: &'a Job<'a>, staging: &'a Folder, importer: &'a Importer) -> Self {
        let texts = LinkTexts::new(job.placement, job.layout);
        Self { job, staging, importer, slots: job.layout.slots(), texts }
    }

    /// How files are brought in by now.
    pub(super) fn method(&self) -> ImportMethod {
        self.importer.method()
    }

    /// Files and links; answers with the package's own folder.
    pub(super) fn build(&self, index: SnapshotIndex) -> Result<Folder, LinkError> {
        let (modules, home) = self.folders(index)?;
        self.files(index, &home)?;
        let snapshot = &self.job.placement.snapshots[index as usize];
        let path = || format!("{}/{}", self.slots, snapshot.slot);
        self.links(index, &modules).map_err(|error| LinkError::io("link in", path())(error))?;
        Ok(home)
    }

    /// The package's own folder in its slot.
    pub(super) fn home(&self, index: SnapshotIndex) -> Result<Folder, LinkError> {
        self.folders(index).map(|(_, home)| home)
    }

    /// `node_modules` of the slot, and the package's own folder.
    fn folders(&self, index: SnapshotIndex) -> Result<(Folder, Folder), LinkError> {
        let snapshot = &self.job.placement.snapshots[index as usize];
        let path = || format!("{}/{}", self.slots, snapshot.slot);
        let made = || -> std::io::Result<(Folder, Folder)> {
            let modules = match self.job.layout.global {
                Some(_) => self.staging.make(&index.to_string())?.make(MODULES)?,
                None => self.staging.make(snapshot.slot.as_str())?.make(MODULES)?,
            };
            let home = modules.make_all(snapshot.name.as_str())?;
            Ok((modules, home))
        };
        made().map_err(|error| LinkError::io("make", path())(error))
    }

    /// Files come sorted, so the folders on the way to the last one are mostly those of the next.
    fn files(&self, index: SnapshotIndex, home: &Folder) -> Result<(), LinkError> {
        let contents = self.job.source.contents(index);
        let store = self.job.source.open(index).map_err(|error| self.damaged(index, error.to_string()))?;
        let executables: HashSet<&str> = contents.bins.iter().map(|bin| normal(&bin.path)).collect();
        let is_checked = self.job.verify && !contents.is_new;
        let patched = patched::changes(self.job, index, &store)?;
        let mut open: Vec<(&str, Folder)> = Vec::new();
        for file in contents.files.iter().filter(|file| !patched.contains_key(&file.path)) {
            let (folders, name) = match file.path.rsplit_once('/') {
                Some((folders, name)) => (Some(folders), name),
                None => (None, file.path.as_str()),
            };
            let into = self.enter(home, &mut open, folders, file, index)?;
            let executable = executables.contains(file.path.as_str());
            let check = || if is_checked { import::check(&store, file) } else { Ok(()) };
            let placed = check().and_then(|()| self.importer.place(&store, file, into, name, executable));
            placed.map_err(|failure| match failure {
                ImportFailure::Damaged(detail) => self.damaged(index, detail),
                ImportFailure::Io(error) => LinkError::io("place", self.shown(index, &file.path))(error),
            })?;
        }
        patched.iter().try_for_each(|(path, change)| {
            let is_bin = executables.contains(path.as_str());
            patched::write(home, path, change, is_bin).map_err(LinkError::io("write", self.shown(index, path)))
        })
    }

    /// The handle of the folder a file goes to; handles of other branches are given back.
    fn enter<'b, 'c>(
        &self,
        home: &'c Folder,
        open: &'c mut Vec<(&'b str, Folder)>,
        folders: Option<&'b str>,
        file: &StoreFile,
        index: SnapshotIndex,
    ) -> Result<&'c Folder, LinkError> {
        let mut depth = 0;
        for name in folders.into_iter().flat_map(|folders| folders.split('/')) {
            if open.get(depth).is_none_or(|(held, _)| *held != name) {
                open.truncate(depth);
                let parent = open.last().map_or(home, |(_, folder)| folder);
                let folder = parent.make(name).map_err(LinkError::io("make", self.shown(index, &file.path)))?;
                open.push((name, folder));
            }
            depth += 1;
        }
        open.truncate(depth);
        Ok(open.last().map_or(home, |(_, folder)| folder))
    }

    fn links(&self, index: SnapshotIndex, modules: &Folder) -> std::io::Result<()> {
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
        let package = self.job.placement.snapshots[snapshot as usize].dep_path.as_str().to_owned();
        LinkError::Damaged { snapshot, package, detail }
    }

    fn shown(&self, index: SnapshotIndex, file: &str) -> String {
        let snapshot = &self.job.placement.snapshots[index as usize];
        format!("{}/{}/{MODULES}/{}/{}", self.slots, snapshot.slot, snapshot.name, file)
    }
}

fn normal(path: &str) -> &str {
    path.strip_prefix("./").unwrap_or(path)
}
