//! The component that the repository carries is the one its sources make.

use std::{path::Path, process::Command};

/// The name of the custom section that `.ci/build-component` stamps.
const SECTION: &[u8] = b"wasi-pm-sources";

#[test]
fn the_carried_component_is_built_from_these_sources() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let component = std::fs::read(root.join("host/component/guest_resolver.wasm")).unwrap();
    let script = Command::new(root.join(".ci/component-sources")).output().unwrap();
    assert!(script.status.success(), "{}", String::from_utf8_lossy(&script.stderr));
    let sources = String::from_utf8(script.stdout).unwrap();
    assert_eq!(sources.trim().len(), 64, "{sources:?} is no digest");
    assert_eq!(
        stamp(&component).as_deref(),
        Some(sources.trim()),
        "the carried component is stale: run `.ci/build-component` and commit host/component/guest_resolver.wasm"
    );
}

/// The 64 digits behind the section's name: the last bytes of the file.
fn stamp(component: &[u8]) -> Option<String> {
    let (before, digits) = component.split_at_checked(component.len().checked_sub(64)?)?;
    before.ends_with(SECTION).then(|| String::from_utf8_lossy(digits).into_owned())
}
