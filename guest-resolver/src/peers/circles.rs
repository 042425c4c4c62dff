//! Which names of peers form a circle: packages of one name ask for the next, and so back to the first, in whatever
//! versions. It is told by what was visited so far.

use std::cell::RefCell;

use crate::intern::{NumberMap, NumberSet, Symbol};
use crate::resolve::tree::components;

/// The peers that packages were seen to have, by the name of the package.
#[derive(Debug, Default)]
pub(super) struct Circles {
    peers: NumberMap<Symbol, NumberSet<Symbol>>,
    /// How many they are.
    count: usize,
    /// Names that were asked about: in a circle, which stays so, or not, when there were so many peers.
    known: RefCell<NumberMap<Symbol, Result<(), usize>>>,
}

impl Circles {
    /// Notes the peers of a package that was visited, its own and those of what is below it.
    pub(super) fn note(&mut self, name: Symbol, peers: impl Iterator<Item = Symbol>) {
        let held = self.peers.entry(name).or_default();
        let before = held.len();
        held.extend(peers);
        self.count += held.len() - before;
    }

    /// Whether a name is in a circle.
    pub(super) fn hold(&self, name: Symbol) -> bool {
        match self.known.borrow().get(&name) {
            Some(Ok(())) => return true,
            Some(Err(count)) if *count == self.count => return false,
            _ => {}
        }
        let found = self.leads_back(name);
        self.known.borrow_mut().insert(name, if found { Ok(()) } else { Err(self.count) });
        found
    }

    fn leads_back(&self, name: Symbol) -> bool {
        let mut seen: NumberSet<Symbol> = NumberSet::default();
        let mut open = vec![name];
        while let Some(top) = open.pop() {
            let next = self.peers.get(&top).into_iter().flatten();
            open.extend(next.filter(|peer| seen.insert(**peer)));
        }
        seen.contains(&name)
    }

    /// All names that are in circles.
    pub(super) fn names(&self) -> NumberSet<Symbol> {
        let mut names: Vec<Symbol> =
            self.peers.iter().flat_map(|(name, peers)| peers.iter().chain([name])).copied().collect();
        names.sort_unstable();
        names.dedup();
        let place: NumberMap<Symbol, usize> = names.iter().enumerate().map(|(at, name)| (*name, at)).collect();
        let peers = |at: usize| self.peers.get(&names[at]).into_iter().flatten();
        let found = components(names.len(), |at| peers(at).map(|peer| place[peer]).collect::<Vec<_>>().into_iter());
        let mut sizes: NumberMap<u32, u32> = NumberMap::default();
        for component in &found {
            *sizes.entry(*component).or_default() += 1;
        }
        let in_circle = |at: &usize| sizes[&found[*at]] > 1 || peers(*at).any(|peer| *peer == names[*at]);
        (0..names.len()).filter(in_circle).map(|at| names[at]).collect()
    }
}
