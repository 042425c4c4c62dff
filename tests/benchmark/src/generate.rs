//! Fixtures that no registry has: made from numbers alone, so that they are equal on every machine and for ever, and
//! published to the registry of this process.

use std::{collections::BTreeMap, io::Write as _, thread};

use anyhow::{Result, bail};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha512};

use crate::{
    fixture::Fixture,
    registry::{Registry, tarball_path},
};

/// The version of every generated package.
const VERSION: &str = "1.0.0";
/// Layers of the peer-heavy graph.
const DEPTH: usize = 5;

/// A graph to install: the fixture and what the registry must have for it.
pub(crate) struct Generated {
    pub(crate) fixture: Fixture,
    /// By name.
    pub(crate) packages: BTreeMap<String, Package>,
}

/// A package of one version.
#[derive(Debug, Clone, Default)]
pub(crate) struct Package {
    /// Fields of its manifest besides name, version and `dist`.
    pub(crate) fields: Map<String, Value>,
    /// Files in its tarball besides `package.json`.
    pub(crate) files: usize,
}

/// Makes `peers:WIDTH`, `workspace:PROJECTS` or `scale:PACKAGES`.
///
/// # Errors
/// If there is no such graph.
pub(crate) fn generate(wanted: &str) -> Result<Generated> {
    let known = wanted.split_once(':').and_then(|(kind, size)| Some((kind, size.parse().ok()?)));
    match known {
        Some(("peers", width)) => Ok(peers(width)),
        Some(("workspace", projects)) => Ok(workspace(projects)),
        Some(("scale", packages)) => Ok(scale(packages)),
        _ => bail!("{wanted}: peers:WIDTH, workspace:PROJECTS or scale:PACKAGES is wanted"),
    }
}

/// Five layers, every package depending on all of the next layer and on one peer, which the project brings.
fn peers(width: usize) -> Generated {
    let name = |layer: usize, at: usize| format!("layer-{layer}-{at}");
    let mut packages = BTreeMap::from([("provider".to_owned(), Package { files: 3, ..Package::default() })]);
    for layer in 0..DEPTH {
        let next = if layer + 1 < DEPTH { width } else { 0 };
        for at in 0..width {
            let mut package = Package { files: 3, ..Package::default() };
            package.depend("dependencies", (0..next).map(|next| name(layer + 1, next)));
            package.depend("peerDependencies", ["provider".to_owned()]);
            packages.insert(name(layer, at), package);
        }
    }
    let direct = (0..width).map(|at| name(0, at)).chain(["provider".to_owned()]);
    let root = json!({ "name": "peer-heavy", "private": true, "dependencies": ranges(direct) });
    let fixture =
        Fixture { name: format!("peers-{width}"), projects: vec![(".".to_owned(), root)], settings: Map::new() };
    Generated { fixture, packages }
}

/// A workspace whose projects depend on a few of each other and on eight of 500 packages each.
fn workspace(count: usize) -> Generated {
    let packages = graph(500, 12);
    let mut numbers = Numbers(0x5eed);
    let mut projects = vec![(".".to_owned(), json!({ "name": "workspace-root", "private": true }))];
    for at in 0..count {
        let mut dependencies = ranges((0..8).map(|_| member(numbers.below(500))));
        // Only of earlier ones: projects that depend on each other in a circle are another subject.
        for _ in 0..at.min(3) {
            dependencies.insert(project(numbers.below(at)), json!("workspace:*"));
        }
        let manifest = json!({ "name": project(at), "version": VERSION, "dependencies": dependencies });
        projects.push((format!("packages/{}", project(at)), manifest));
    }
    let root = json!({ "name": "workspace-root", "private": true, "dependencies": ranges([member(0), member(1)]) });
    projects[0].1 = root;
    let settings = Map::from_iter([("packages".to_owned(), json!(["packages/*"]))]);
    Generated { fixture: Fixture { name: format!("workspace-{count}"), projects, settings }, packages }
}

/// One project with so many packages, a twelfth of them direct dependencies, each with 30 files as in
/// `alotta-modules`.
fn scale(count: usize) -> Generated {
    let packages = graph(count, 30);
    let direct = (0..direct(count)).map(member);
    let root = json!({ "name": "scale", "private": true, "dependencies": ranges(direct) });
    let fixture =
        Fixture { name: format!("scale-{count}"), projects: vec![(".".to_owned(), root)], settings: Map::new() };
    Generated { fixture, packages }
}

fn direct(count: usize) -> usize {
    count.div_ceil(12)
}

fn member(at: usize) -> String {
    format!("package-{at}")
}

fn project(at: usize) -> String {
    format!("project-{at}")
}

/// A graph without circles in which the first twelfth leads to all others: each of these is asked for by one earlier
/// package, and every package asks for up to three later ones besides.
fn graph(count: usize, files: usize) -> BTreeMap<String, Package> {
    let mut numbers = Numbers(0x0091_aced);
    let mut packages = vec![Package { files, ..Package::default() }; count];
    for at in direct(count)..count {
        let parent = numbers.below(at);
        packages[parent].depend("dependencies", [member(at)]);
    }
    for (at, package) in packages.iter_mut().enumerate().filter(|(at, _)| at + 1 < count) {
        let more = numbers.below(4);
        let more: Vec<String> = (0..more).map(|_| member(at + 1 + numbers.below(count - at - 1))).collect();
        package.depend("dependencies", more);
    }
    packages.into_iter().enumerate().map(|(at, package)| (member(at), package)).collect()
}

fn ranges(names: impl IntoIterator<Item = String>) -> Map<String, Value> {
    names.into_iter().map(|name| (name, json!(format!("^{VERSION}")))).collect()
}

impl Package {
    fn depend(&mut self, field: &str, names: impl IntoIterator<Item = String>) {
        let ranges = ranges(names);
        if let Some(map) = self.fields.entry(field).or_insert_with(|| json!({})).as_object_mut() {
            map.extend(ranges);
        }
    }

    fn manifest(&self, name: &str) -> Map<String, Value> {
        let mut manifest = Map::from_iter([("name".to_owned(), json!(name)), ("version".to_owned(), json!(VERSION))]);
        manifest.extend(self.fields.clone());
        manifest
    }

    /// The manifest as a registry has it, and the tarball.
    fn pack(&self, name: &str) -> Result<(Value, Vec<u8>)> {
        let mut manifest = self.manifest(name);
        let tarball = tarball(&Value::Object(manifest.clone()), name, self.files)?;
        let integrity = format!("sha512-{}", BASE64_STANDARD.encode(Sha512::digest(&tarball)));
        let address = format!("@BASE@/{}", tarball_path(name, VERSION));
        manifest.insert("dist".to_owned(), json!({ "integrity": integrity, "tarball": address }));
        Ok((Value::Object(manifest), tarball))
    }
}

impl Generated {
    /// Puts all packages into the registry.
    ///
    /// # Errors
    /// If a tarball cannot be made.
    pub(crate) fn publish(&self, registry: &Registry) -> Result<()> {
        let all: Vec<_> = self.packages.iter().collect();
        let threads = thread::available_parallelism().map_or(1, usize::from);
        thread::scope(|scope| {
            let parts = all.chunks(all.len().div_ceil(threads).max(1)).map(|part| {
                scope.spawn(move || {
                    part.iter().try_for_each(|(name, package)| {
                        let (manifest, tarball) = package.pack(name)?;
                        registry.publish(name, &manifest, tarball);
                        anyhow::Ok(())
                    })
                })
            });
            let parts: Vec<_> = parts.collect();
            parts.into_iter().try_for_each(|part| part.join().expect("packing does not panic"))
        })
    }
}

/// A gzipped tar with `package.json` and files of text, half a KiB to eight KiB each; equal inputs, equal bytes.
fn tarball(manifest: &Value, name: &str, files: usize) -> Result<Vec<u8>> {
    let seed = Sha512::digest(name.as_bytes());
    let mut numbers = Numbers(seed.iter().take(8).fold(0, |all, byte| all << 8 | u64::from(*byte)));
    let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    let mut add = |path: &str, body: &[u8]| {
        let mut header = tar::Header::new_ustar();
        header.set_size(body.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(499_162_500);
        tar.append_data(&mut header, path, body)
    };
    add("package/package.json", manifest.to_string().as_bytes())?;
    for at in 0..files {
        let mut body = Vec::new();
        for line in 0..10 + numbers.below(150) {
            writeln!(body, "exports.value{line} = '{name} {at} {:016x}';", numbers.next())?;
        }
        let folder = if at % 3 == 0 { "lib" } else { "lib/parts" };
        add(&format!("package/{folder}/file-{at}.js"), &body)?;
    }
    Ok(tar.into_inner()?.finish()?)
}

/// A small generator of numbers (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit.max(1) as u64).expect("it is below a usize")
    }
}

#[cfg(test)]
mod tests;
