//! What is measured: from what an install starts, and what it finds in store, cache and network.

/// What is in the project when a run begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// All that the run before left.
    Installed,
    /// All but one dependency, which the manifest has since gained.
    OneLess,
    /// Manifest and lockfile.
    Lockfile,
    /// The manifest alone.
    Manifest,
}

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scenario {
    /// As the table says it.
    pub(crate) name: &'static str,
    /// What is there.
    pub(crate) start: Start,
    /// Packages are in the store.
    pub(crate) hot_store: bool,
    /// Metadata is in the cache.
    pub(crate) hot_metadata: bool,
    /// The registry is behind 50 ms and 200 Mbit/s.
    pub(crate) far: bool,
}

const fn hot(name: &'static str, start: Start) -> Scenario {
    Scenario { name, start, hot_store: true, hot_metadata: true, far: false }
}

const fn cold(name: &'static str, start: Start) -> Scenario {
    Scenario { name, start, hot_store: false, hot_metadata: false, far: false }
}

/// With a lockfile and nothing else.
pub(crate) const RESTORE_COLD: Scenario = cold("restore cold/cold", Start::Lockfile);

/// What is measured, in the order of the table.
pub(crate) const SCENARIOS: [Scenario; 9] = [
    hot("repeat", Start::Installed),
    hot("add one dependency", Start::OneLess),
    hot("restore hot/hot", Start::Lockfile),
    hot("install hot/hot", Start::Manifest),
    Scenario { hot_metadata: false, ..hot("install cold metadata, hot store", Start::Manifest) },
    RESTORE_COLD,
    cold("install cold/cold", Start::Manifest),
    Scenario { far: true, name: "restore cold/cold, 50 ms 200 Mbit/s", ..RESTORE_COLD },
    Scenario { far: true, ..cold("install cold/cold, 50 ms 200 Mbit/s", Start::Manifest) },
];

/// Those that say how the time of a package grows with their number.
pub(crate) const SCALING: [&str; 4] = ["restore hot/hot", "install hot/hot", "restore cold/cold", "install cold/cold"];
