//! Steps 3 and 4 of linking: what has been built is put in place, and the links and shims that lead to it are made.

use std::{
    collections::BTreeMap,
    io::{self, Read as _},
    path::Path,
};

use rayon::prelude::*;

use crate::{
    link::{
        Bench, Folder, Job, Kind, LinkError,
        bins::{BIN, Catalogue, Offer},
        open_modules, relative,
    },
    plan::{Base, LinkPlan, RootPlan},
    state::{MODULES, Tree, VIRTUAL_STORE, disk::Owner},
};

/// The names of the shims that stand in a `.bin` folder now.
#[derive(Debug)]
pub(super) struct Shims {
    /// A key of [`Tree::bins`].
    owner: String,
    names: Vec<String>,
}

impl Shims {
    /// Records them.
    pub(super) fn note(self, tree: &mut Tree) {
        if self.names.is_empty() {
            tree.bins.remove(&self.owner);
        } else {
            tree.bins.insert(self.owner, self.names);
        }
    }
}

/// Step 3: the virtual store, new or with its changed slots in place.
pub(super) fn place_virtual_store(job: &Job<'_>, bench: &Bench) -> Result<Folder, LinkError> {
    let path = job.layout.virtual_store();
    if job.plan.base != Base::Update {
        bench.put_staging(VIRTUAL_STORE)?;
        return bench.modules().open(VIRTUAL_STORE).map_err(LinkError::io("open", path));
    }
    let virtual_store = bench.modules().make(VIRTUAL_STORE).map_err(LinkError::io("make", path))?;
    for change in job.plan.slots.iter().filter(|_| job.layout.global.is_none()) {
        let slot = job.placement.snapshots[change.snapshot as usize].slot.as_str();
        bench.put(bench.staging()?, slot, &virtual_store, slot)?;
    }
    Ok(virtual_store)
}

/// Step 1: the hoisted links of a new virtual store, made while it is out of reach.
pub(super) fn build_hoisted(job: &Job<'_>, bench: &Bench) -> Result<(), LinkError> {
    if job.plan.base == Base::Update || job.placement.snapshots.is_empty() {
        return Ok(());
    }
    let modules = bench.staging()?.make(MODULES);
    let made = modules.and_then(|modules| hoist(&modules, &job.plan.tree.hoisted));
    made.map_err(LinkError::io("hoist in", job.layout.virtual_store()))
}

/// Makes links in a folder that has none.
pub(super) fn hoist(modules: &Folder, links: &BTreeMap<String, String>) -> io::Result<()> {
    let mut last: Option<(&str, Folder)> = None;
    for (alias, target) in links {
        let Some((scope, name)) = alias.split_once('/') else {
            modules.symlink(target, alias)?;
            continue;
        };
        let (_, folder) = match last.take().filter(|(held, _)| *held == scope) {
            Some(held) => last.insert(held),
            None => last.insert((scope, modules.make(scope)?)),
        };
        folder.symlink(target, name)?;
    }
    Ok(())
}

/// The shims of a virtual store's own `node_modules`, and of one that stands the links that change. `virtual_store` may
/// still be out of reach.
pub(super) fn place_hoisted(
    job: &Job<'_>,
    bench: &Bench,
    virtual_store: &Folder,
    bins: &Catalogue<'_>,
) -> Result<Option<Shims>, LinkError> {
    if job.plan.tree.hoisted.is_empty() && job.plan.hoisted.is_empty() {
        return Ok(None);
    }
    let path = format!("{}/{MODULES}", job.layout.virtual_store());
    let folder = virtual_store.make(MODULES).map_err(LinkError::io("make", &path))?;
    if job.plan.base == Base::Update {
        apply_links(bench, &folder, &job.plan.hoisted)?;
    }
    let private = job.placement.hoisted.iter().filter(|link| !link.public);
    let offers = private.map(|link| Offer { target: &link.target, direct: false });
    let shims = bins.shims(&format!("{path}/{BIN}"), offers);
    place_shims(job, bench, &folder, VIRTUAL_STORE, &shims).map(Some)
}

/// Step 4, the projects. Answers with their shims, and the benches of those beside the root that are to be cleaned up.
pub(super) fn place_roots(
    job: &Job<'_>,
    bench: &Bench,
    bins: &Catalogue<'_>,
) -> Result<(Vec<Shims>, Vec<Bench>), LinkError> {
    // Every project has folders of its own, so that none waits for another.
    let place = |plan: &RootPlan| {
        if plan.importer == "." {
            purge_foreign(job, bench, ".")?;
            return Ok(Some((place_root(job, bench, plan, bins)?, None)));
        }
        let project = relative::join(&job.layout.root(), &plan.importer);
        let gone = plan.root.is_none() && Folder::open_path(Path::new(&project)).is_err();
        let idle = job.plan.tree.roots.get(&plan.importer).is_none_or(BTreeMap::is_empty) && plan.links.is_empty();
        if gone || idle {
            return Ok(None);
        }
        let own = Bench::new(open_modules(Path::new(&project))?)?;
        purge_foreign(job, &own, &plan.importer)?;
        let shims = place_root(job, &own, plan, bins)?;
        Ok(Some((shims, Some(own).filter(Bench::is_used))))
    };
    let placed: Vec<_> = match job.plan.roots.as_slice() {
        few if few.len() <= 1 => few.iter().map(place).collect::<Result<_, LinkError>>()?,
        many => many.par_iter().with_max_len(1).map(place).collect::<Result<_, LinkError>>()?,
    };
    let (shims, benches): (Vec<_>, Vec<_>) = placed.into_iter().flatten().unzip();
    Ok((shims, benches.into_iter().flatten().collect()))
}

/// Links and shims of one project.
fn place_root(job: &Job<'_>, bench: &Bench, plan: &RootPlan, bins: &Catalogue<'_>) -> Result<Shims, LinkError> {
    apply_links(bench, bench.modules(), &plan.links)?;
    let folder = relative::join(&job.layout.root(), &format!("{}/{MODULES}/{BIN}", plan.importer));
    let direct = plan.root.map_or(&[][..], |at| job.placement.roots[at].links.as_slice());
    let direct = direct.iter().map(|link| Offer { target: &link.target, direct: true });
    let hoisted = job.placement.hoisted.iter().filter(|link| link.public && plan.importer == ".");
    let hoisted = hoisted.map(|link| Offer { target: &link.target, direct: false });
    let shims = bins.shims(&folder, direct.chain(hoisted));
    place_shims(job, bench, bench.modules(), &plan.importer, &shims)
}

fn apply_links(bench: &Bench, folder: &Folder, links: &LinkPlan) -> Result<(), LinkError> {
    for (alias, target) in &links.put {
        match alias.split_once('/') {
            None => bench.put_link(folder, alias, target)?,
            Some((scope, name)) => {
                if folder.kind(scope).map_err(LinkError::io("read", alias))? == Some(Kind::Symlink) {
                    bench.retire(folder, scope)?; // F02: never through a link in the place of a scope
                }
                let scope = folder.make(scope).map_err(LinkError::io("make", alias))?;
                bench.put_link(&scope, name, target)?;
            }
        }
    }
    for alias in &links.removed {
        match alias.split_once('/') {
            None => bench.retire(folder, alias)?,
            Some((scope, name)) => {
                if let Ok(opened) = folder.open(scope) {
                    bench.retire(&opened, name)?;
                    folder.remove_if_empty(scope);
                }
            }
        }
    }
    Ok(())
}

/// Writes the shims that differ and removes those we wrote before and want no longer.
fn place_shims(
    job: &Job<'_>,
    bench: &Bench,
    modules: &Folder,
    owner: &str,
    shims: &BTreeMap<String, String>,
) -> Result<Shims, LinkError> {
    let previous = job.plan.tree.bins.get(owner).map_or(&[][..], Vec::as_slice);
    let names = shims.keys().cloned().collect();
    let placed = Shims { owner: owner.to_owned(), names };
    if shims.is_empty() && previous.is_empty() {
        return Ok(placed);
    }
    if modules.kind(BIN).map_err(LinkError::io("read", BIN))?.is_some_and(|kind| kind != Kind::Folder) {
        bench.retire(modules, BIN)?;
    }
    let folder = modules.make(BIN).map_err(LinkError::io("make", BIN))?;
    for (name, text) in shims {
        if !holds(&folder, name, text) {
            bench.put_file(&folder, name, text.as_bytes(), 0o755)?;
        }
    }
    for name in previous.iter().filter(|name| !shims.contains_key(*name)) {
        folder.remove_file(name).map_err(LinkError::io("remove", name))?;
    }
    if shims.is_empty() {
        modules.remove_if_empty(BIN);
    }
    Ok(placed)
}

fn holds(folder: &Folder, name: &str, text: &str) -> bool {
    let Ok(file) = folder.read(name) else { return false };
    let mut held = Vec::new();
    file.take(text.len() as u64 + 1).read_to_end(&mut held).is_ok() && held == text.as_bytes()
}

/// Entries with a dot that belong to installers.
const INSTALLERS: [&str; 6] =
    [BIN, ".package-lock.json", ".yarn-state.yml", ".yarn-integrity", ".bun", ".modules.yaml"];

/// What another tool put into `node_modules` and nobody wants any more. Entries with a dot are left, as pnpm does,
/// apart from those that belong to installers.
fn purge_foreign(job: &Job<'_>, bench: &Bench, importer: &str) -> Result<(), LinkError> {
    let Base::Anew(Owner::Foreign(_)) = job.plan.base else { return Ok(()) };
    let modules = bench.modules();
    let nothing = BTreeMap::new();
    let wanted = job.plan.tree.roots.get(importer).unwrap_or(&nothing);
    for name in modules.names().map_err(LinkError::io("read", MODULES))? {
        let stays = name.starts_with('.') || wanted.contains_key(&name);
        if INSTALLERS.contains(&name.as_str()) {
            bench.retire(modules, &name)?;
        } else if name.starts_with('@')
            && let Ok(scope) = modules.open(&name)
        {
            for inner in scope.names().map_err(LinkError::io("read", &name))? {
                if !wanted.contains_key(&format!("{name}/{inner}")) {
                    bench.retire(&scope, &inner)?;
                }
            }
            modules.remove_if_empty(&name);
        } else if !stays {
            bench.retire(modules, &name)?;
        }
    }
    Ok(())
}

/// Slots that nothing leads to any more.
pub(super) fn retire_slots(job: &Job<'_>, bench: &Bench, virtual_store: &Folder) -> Result<(), LinkError> {
    job.plan.removed_slots.iter().try_for_each(|slot| bench.retire(virtual_store, slot))
}
