//! The state files below `node_modules`, and the check that finds there is nothing to do.
