//! What a resolution is given: settings, projects, rules read once, and the table of facts. Shared by all steps.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use wit::guest::exports::wasi_pm::resolver::resolution::{Download, Notice, Skipped};
use wit::guest::wasi_pm::resolver::types::Failure;
use wit::guest::wasi_pm::resolver::types::Platform;
use wit::settings::Settings;

use crate::age::AgePolicy;
use crate::facts::{Facts, PackumentKey};
use crate::intern::{NumberMap, Symbol, Symbols, TextMap};
use crate::lockfile::Lockfile;
use crate::lockfile::model::{package_key, split_key};
use crate::manifest::Manifest;
use crate::overrides::Overrides;
use crate::semver::Version;
use crate::specifier::Specifier;
use crate::trust::TrustRule;

use super::anew::{Anew, Movers};
use super::cutoff::Cutoff;
use super::edges::Edge;
use super::preferences::Preferences;
use super::tree::Resolved;

/// One project of the workspace.
#[derive(Debug)]
pub struct Project {
    /// Its folder, relative to the lockfile's.
    pub id: String,
    /// Its manifest as written: what the lockfile records.
    pub written: Manifest,
    /// Its manifest after extensions and overrides: what is resolved.
    pub manifest: Rc<Manifest>,
}

/// A manifest, and the edges that were read from it.
pub type ReadEdges = (Rc<Manifest>, Rc<[Edge]>);

/// Everything a resolution is given.
#[derive(Debug)]
pub struct Context {
    /// The settings of the project.
    pub settings: Settings,
    /// The machine that packages are chosen for.
    pub platform: Platform,
    /// The projects, by identity.
    pub projects: BTreeMap<String, Project>,
    /// Projects of the workspace that have lockfiles of their own, by folder.
    pub neighbours: BTreeMap<String, Project>,
    /// The existing lockfile.
    pub lockfile: Option<Lockfile>,
    /// Which locked versions do not count.
    pub anew: Anew,
    /// The same by project, where projects let go of different ones; `anew` is then all of that.
    pub anew_of: BTreeMap<String, Anew>,
    /// They do below direct dependencies.
    pub anew_is_direct: bool,
    /// Direct dependencies that are picked anew: of a project by their key, or of all by the name of the package.
    pub anew_direct: BTreeSet<(Option<String>, String)>,
    /// The projects that let go of locked versions.
    pub movers: Movers,
    /// The lockfile is mended: what it says of packages does not count.
    pub mends: bool,
    /// Overrides, read once.
    pub overrides: Overrides,
    /// The age rule, read once.
    pub age: Option<AgePolicy>,
    /// What `time-based` makes of the projects' own dependencies, once they are resolved.
    pub cutoff: OnceCell<Cutoff>,
    /// The trust rule, read once.
    pub trust: Option<TrustRule>,
    /// Texts by number.
    pub symbols: Symbols,
    /// What is known of the world.
    pub facts: Facts,
    /// Versions to prefer.
    pub preferred: Preferences,
    /// Specifiers, classified once.
    pub specifiers: RefCell<NumberMap<(Symbol, Symbol), Rc<Specifier>>>,
    /// Manifests after hooks.
    pub hooked: RefCell<NumberMap<(Symbol, Symbol, bool), Rc<Manifest>>>,
    /// What manifests ask for, by the address of each, which stays as long as it is held here.
    pub edges: RefCell<NumberMap<usize, ReadEdges>>,
    /// By edge, the project that came to it first.
    pub askers: RefCell<NumberMap<super::wanted::WantedKey, Symbol>>,
    /// What edges resolved to.
    pub resolved: RefCell<NumberMap<super::wanted::WantedKey, Rc<Resolved>>>,
    /// Versions that were picked without preferences: from which packument, for which specifier, for a project itself.
    pub lines: RefCell<NumberMap<(PackumentKey, Symbol, bool), super::wanted::Line>>,
    /// Packages of registries that have been resolved: which packument, which version, whether as an option.
    pub picked: RefCell<NumberMap<(PackumentKey, Symbol, bool), Rc<Resolved>>>,
    /// Packages whose download may start, each once.
    pub downloads: RefCell<Vec<Download>>,
    /// What has been offered for download.
    pub offered: RefCell<NumberMap<(Symbol, Symbol), ()>>,
    /// By name, the folders of the projects that have it.
    pub named: OnceCell<TextMap<String, Vec<String>>>,
    /// What the user should hear.
    pub notices: RefCell<Vec<Notice>>,
    /// Optional dependencies that could not be resolved.
    pub skipped: RefCell<Vec<Skipped>>,
    /// Steps left before the graph counts as hostile.
    pub budget: Cell<u64>,
}

/// A graph may take this many nodes and visits; the largest real ones take a hundredth.
pub const BUDGET: u64 = 20_000_000;
/// A chain of dependencies may be this long; real ones have fifty.
pub const MAX_DEPTH: i32 = 1_000;

impl Context {
    /// The project in a folder, one with a lockfile of its own too.
    pub fn project(&self, folder: &str) -> Option<&Project> {
        self.projects.get(folder).or_else(|| self.neighbours.get(folder))
    }

    /// All projects of the workspace.
    pub fn workspace(&self) -> impl Iterator<Item = &Project> {
        self.projects.values().chain(self.neighbours.values())
    }

    /// The projects of the workspace that have a name, in order.
    pub fn workspace_named(&self, name: &str) -> impl Iterator<Item = &Project> {
        let named = self.named.get_or_init(|| {
            let mut named: TextMap<String, Vec<String>> = TextMap::default();
            for project in self.workspace() {
                if let Some(name) = &project.manifest.name {
                    named.entry(name.clone()).or_default().push(project.id.clone());
                }
            }
            named
        });
        named.get(name).into_iter().flatten().filter_map(|folder| self.project(folder))
    }

    /// Whether a locked version does not count to a project, of a direct dependency or of one below; to any, if none is
    /// named.
    pub fn is_anew(&self, importer: Option<Symbol>, name: &str, version: Option<&Version>, direct: bool) -> bool {
        let of_project = importer.filter(|_| !self.anew_of.is_empty());
        let anew = of_project.map_or(Some(&self.anew), |importer| self.anew_of.get(&*self.text(importer)));
        anew.is_some_and(|anew| anew.covers(name, version)) && (direct || !self.anew_is_direct)
            || direct && self.anew_direct.contains(&(None, name.to_owned()))
    }

    /// The same of what stands under a key of the lockfile.
    pub fn is_anew_at(&self, importer: Option<Symbol>, key: &str, direct: bool) -> bool {
        let package = split_key(package_key(key));
        package
            .is_some_and(|(name, version)| self.is_anew(importer, name, Version::parse_loose(version).as_ref(), direct))
    }

    /// Whether a direct dependency is picked anew, though what stands below it is not.
    pub fn lets_go_of(&self, importer: Symbol, alias: Symbol, key: Option<Symbol>) -> bool {
        if !self.anew_is_direct && self.anew_direct.is_empty() {
            return false;
        }
        if self.anew_direct.contains(&(Some(self.text(importer).to_string()), self.text(alias).to_string())) {
            return true;
        }
        let of = Some(importer);
        let lets_go = |key: &str| self.is_anew_at(of, key, true) && !self.is_anew_at(of, key, false);
        key.is_some_and(|key| lets_go(&self.text(key)))
    }

    /// Whether any dependency on what stands under a key is picked anew, of a project or below.
    pub fn is_picked_anew(&self, key: &str) -> bool {
        let named = |name: &str| self.anew_direct.iter().any(|(importer, alias)| importer.is_some() && alias == name);
        self.is_anew_at(None, key, true)
            || self.is_anew_at(None, key, false)
            || split_key(package_key(key)).is_some_and(|(name, _)| named(name))
    }

    /// Whether no locked version counts.
    pub fn all_is_anew(&self) -> bool {
        self.anew == Anew::All && self.anew_of.is_empty() && !self.anew_is_direct
    }

    /// The number of a text.
    pub fn symbol(&self, text: &str) -> Symbol {
        self.symbols.number(text)
    }

    /// The text of a number.
    pub fn text(&self, symbol: Symbol) -> Rc<str> {
        self.symbols.text(symbol)
    }

    /// The number of a package's name, which nearly always is that of the alias.
    pub fn name_of(&self, alias: Symbol, name: &str) -> Symbol {
        if self.symbols.is(alias, name) { alias } else { self.symbol(name) }
    }

    /// A specifier, classified.
    pub fn specifier(&self, alias: Symbol, text: Symbol) -> Rc<Specifier> {
        if let Some(known) = self.specifiers.borrow().get(&(alias, text)) {
            return Rc::clone(known);
        }
        let read = Rc::new(Specifier::parse(&self.text(alias), &self.text(text), &self.settings.registries));
        self.specifiers.borrow_mut().insert((alias, text), Rc::clone(&read));
        read
    }

    /// Takes steps off the budget.
    ///
    /// # Errors
    /// If none are left: the graph is hostile.
    pub fn spend(&self, steps: u64) -> Result<(), Failure> {
        let left = self.budget.get();
        if left < steps {
            return Err(over_budget("the graph has too many dependencies to be resolved"));
        }
        self.budget.set(left - steps);
        Ok(())
    }
}

/// The failure of a graph that is too large to be meant.
pub fn over_budget(message: &str) -> Failure {
    Failure {
        code: "ERR_WASI_PM_RESOLUTION_BUDGET".to_owned(),
        message: message.to_owned(),
        facts: Vec::new(),
        chain: Vec::new(),
        hint: Some("Look for a dependency that asks for very many others, and override or remove it".to_owned()),
    }
}
