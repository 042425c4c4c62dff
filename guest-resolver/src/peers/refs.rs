//! What a node sees above it: providers by name, the nearest one first. Small sorted lists that are shared until they
//! change.

use std::rc::Rc;

use crate::intern::Symbol;
use crate::resolve::tree::NodeId;

/// A provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParentRef {
    /// Its node.
    pub node: NodeId,
    /// The key in the manifest, where that is not the package's name.
    pub alias: Option<Symbol>,
    /// The depth of its node when it was found.
    pub depth: i32,
    /// How many providers of this name it hides.
    pub occurrence: u32,
}

/// A list by name, in the order of the names' numbers.
pub(super) type ByName<T> = Vec<(Symbol, T)>;

/// Providers by name.
pub type Refs = Rc<ByName<ParentRef>>;

/// The entry of a name.
pub(super) fn get<T>(list: &[(Symbol, T)], name: Symbol) -> Option<&T> {
    list.binary_search_by_key(&name, |(held, _)| *held).ok().map(|at| &list[at].1)
}

/// Sets the entry of a name.
pub(super) fn put<T>(list: &mut ByName<T>, name: Symbol, value: T) {
    match list.binary_search_by_key(&name, |(held, _)| *held) {
        Ok(at) => list[at].1 = value,
        Err(at) => list.insert(at, (name, value)),
    }
}

/// Sets the entry of a name if there is none.
pub(super) fn put_new<T>(list: &mut ByName<T>, name: Symbol, value: impl FnOnce() -> T) {
    if let Err(at) = list.binary_search_by_key(&name, |(held, _)| *held) {
        list.insert(at, (name, value()));
    }
}
