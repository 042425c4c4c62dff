//! What the projects themselves say they need to run: `engines`, `os`, `cpu`, `libc` of their manifests, judged as
//! those of packages are. Another pnpm than they ask for is always an error, another Node one with `engineStrict`,
//! another platform never.

use serde_json::{Map, Value};
use wit::guest::exports::wasi_pm::resolver::resolution::Project;
use wit::guest::wasi_pm::resolver::types::Failure;
use wit::settings::Settings;

use crate::boundary;
use crate::lockfile::error::{UNSUPPORTED_ENGINE, UNSUPPORTED_PLATFORM};
use crate::platform::{self, Fit, Wanted};
use crate::resolve::wanted::failure;

/// The fields that say something; a manifest without any of them need not be read for it.
const FIELDS: [&str; 4] = ["\"engines\"", "\"os\"", "\"cpu\"", "\"libc\""];

/// What the user should hear.
///
/// # Errors
/// Projects that must not be installed here.
pub fn of_projects(project: &Project, settings: &Settings) -> Result<Vec<Failure>, Vec<Failure>> {
    let (mut refused, mut told) = (Vec::new(), Vec::new());
    for importer in &project.importers {
        if !FIELDS.iter().any(|field| importer.manifest.contains(field)) {
            continue;
        }
        let Ok(manifest) = serde_json::from_str::<Map<String, Value>>(&importer.manifest) else { continue };
        let wanted = wanted(&manifest);
        let (code, what, detail) = match platform::check(
            &wanted,
            boundary::machine(&project.platform),
            &settings.selection.supported_architectures,
        ) {
            Fit::Fits => continue,
            Fit::UnsupportedEngine(detail) => (UNSUPPORTED_ENGINE, "engine", detail),
            Fit::UnsupportedPlatform(detail) => (UNSUPPORTED_PLATFORM, "platform", detail),
        };
        let message = format!("Unsupported {what} for the project {}: {detail}", importer.id);
        let misfit = failure(code, message);
        let is_refused =
            code == UNSUPPORTED_ENGINE && (settings.selection.engine_strict || asks_for_another_pnpm(&detail));
        match is_refused {
            true => refused.push(Failure { hint: Some(hint(&detail).to_owned()), ..misfit }),
            false => told.push(misfit),
        }
    }
    if refused.is_empty() { Ok(told) } else { Err(refused) }
}

/// Whether what is wanted, which stands in front of what is there, names pnpm.
fn asks_for_another_pnpm(detail: &str) -> bool {
    detail.split(" (current").next().is_some_and(|wanted| wanted.contains("\"pnpm\":"))
}

fn hint(detail: &str) -> &'static str {
    match asks_for_another_pnpm(detail) {
        true => {
            "Change engines.pnpm in the manifest: this program takes the place of the pnpm that it names as current"
        }
        false => {
            "Use a version of Node that fits, change engines.node in the manifest, or install without engineStrict"
        }
    }
}

fn wanted(manifest: &Map<String, Value>) -> Wanted {
    let list = |name: &str| match manifest.get(name)? {
        Value::String(one) => Some(vec![one.clone()]),
        Value::Array(items) => Some(items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()),
        _ => None,
    };
    let engine = |name: &str| manifest.get("engines")?.get(name)?.as_str().map(str::to_owned);
    Wanted { os: list("os"), cpu: list("cpu"), libc: list("libc"), node: engine("node"), pnpm: engine("pnpm") }
}
