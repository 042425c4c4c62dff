//! Which groups `update` places: as pnpm has it, those that stand already and those that it was told to look at. `add`
//! and `remove` place all, `install` what its flags say.

use std::sync::Arc;

use crate::{config::Config, engine::Intent, state::modules_yaml::Included};

/// The configuration with the groups that are placed.
pub(super) fn choose(config: &Arc<Config>) -> Arc<Config> {
    let update = config.install.change.as_ref().filter(|change| matches!(change.intent, Intent::Update(_)));
    let Some(flags) = update.map(|change| change.flags) else { return Arc::clone(config) };
    let mut config = Config::clone(config);
    let selection = &mut config.settings.selection;
    match Included::read(&config.project.root) {
        Some(stands) => {
            selection.dependencies = stands.dependencies;
            selection.dev_dependencies = stands.dev_dependencies;
            selection.optional_dependencies = stands.optional_dependencies;
        }
        None => selection.dev_dependencies &= !flags.prod,
    }
    selection.dependencies |= flags.prod;
    selection.dev_dependencies |= flags.dev;
    selection.optional_dependencies = flags.optional.unwrap_or(selection.optional_dependencies);
    Arc::new(config)
}
