//! What rewrites a manifest before it is resolved: package extensions, ignored optional dependencies, overrides, in
//! this order, as pnpm has it.

use std::rc::Rc;

use serde_json::{Map, Value};
use wit::settings::Settings;

use crate::extensions;
use crate::intern::Symbol;
use crate::manifest::{Dependencies, Manifest};
use crate::overrides::Overrides;

use super::context::Context;

/// The manifest of a registry's package after all hooks. Each is rewritten once.
pub fn package(ctx: &Context, key: (Symbol, Symbol, bool), name: &str, manifest: &Rc<Manifest>) -> Rc<Manifest> {
    let named = manifest.name.as_deref() == Some(name);
    if named && idle(&ctx.settings, &ctx.overrides, manifest) {
        return Rc::clone(manifest);
    }
    if let Some(known) = ctx.hooked.borrow().get(&key) {
        return Rc::clone(known);
    }
    let mut owned = Manifest::clone(manifest);
    owned.name = Some(name.to_owned());
    rewrite(&ctx.settings, &ctx.overrides, &mut owned, None);
    let owned = Rc::new(owned);
    ctx.hooked.borrow_mut().insert(key, Rc::clone(&owned));
    owned
}

/// Rewrites a manifest; `folder` is the project's, `None` for a package of a registry.
pub fn rewrite(settings: &Settings, overrides: &Overrides, manifest: &mut Manifest, folder: Option<&str>) {
    if idle(settings, overrides, manifest) {
        return;
    }
    let mut map = to_map(manifest);
    extensions::apply_all(&settings.rules, &mut map);
    extensions::drop_optional(&settings.rules.ignored_optional_dependencies, &mut map);
    overrides.apply(&mut map, folder);
    take_map(manifest, &map);
}

fn idle(settings: &Settings, overrides: &Overrides, manifest: &Manifest) -> bool {
    let name = manifest.name.as_deref().unwrap_or_default();
    let version = manifest.version.as_deref().unwrap_or_default();
    settings.rules.ignored_optional_dependencies.is_empty()
        && overrides.is_empty()
        && !extensions::concern(&settings.rules, name, version)
}

fn to_map(manifest: &Manifest) -> Map<String, Value> {
    let mut map = Map::new();
    for (key, text) in [("name", &manifest.name), ("version", &manifest.version)] {
        map.extend(text.iter().map(|text| (key.to_owned(), Value::from(text.as_str()))));
    }
    let groups = [
        ("dependencies", &manifest.dependencies),
        ("devDependencies", &manifest.dev_dependencies),
        ("optionalDependencies", &manifest.optional_dependencies),
        ("peerDependencies", &manifest.peer_dependencies),
    ];
    for (key, group) in groups.into_iter().filter(|(_, group)| !group.is_empty()) {
        let entries = group.iter().map(|(name, text)| (name.clone(), Value::from(text.as_str())));
        map.insert(key.to_owned(), Value::Object(entries.collect()));
    }
    if !manifest.optional_peers.is_empty() {
        let entries = manifest.optional_peers.iter().map(|name| (name.clone(), serde_json::json!({"optional": true})));
        map.insert("peerDependenciesMeta".to_owned(), Value::Object(entries.collect()));
    }
    map
}

fn take_map(manifest: &mut Manifest, map: &Map<String, Value>) {
    let group = |key: &str| -> Dependencies {
        let entries = map.get(key).and_then(Value::as_object).into_iter().flatten();
        entries.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
    };
    manifest.dependencies = group("dependencies");
    manifest.dev_dependencies = group("devDependencies");
    manifest.optional_dependencies = group("optionalDependencies");
    manifest.peer_dependencies = group("peerDependencies");
    let metas = map.get("peerDependenciesMeta").and_then(Value::as_object).into_iter().flatten();
    manifest.optional_peers = metas
        .filter(|(_, meta)| meta.get("optional").and_then(Value::as_bool) == Some(true))
        .map(|(name, _)| name.clone())
        .collect();
    manifest.has_peers_meta |= !manifest.optional_peers.is_empty();
}
