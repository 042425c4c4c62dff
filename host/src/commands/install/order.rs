//! The order of projects that depend on each other: those that others need come first. Projects of one layer need none
//! of their own layer, unless they depend on each other in a circle.

use std::collections::BTreeSet;

use super::cycles;
use crate::config::Config;

/// The projects by their place among the importers, in layers; within one in the order of importers.
pub(super) fn of_projects(config: &Config) -> Vec<Vec<usize>> {
    layers(&cycles::edges(config))
}

/// Layers of a graph: each node with the nodes it needs.
fn layers(needs: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut left: BTreeSet<usize> = (0..needs.len()).collect();
    let mut layers = Vec::new();
    while !left.is_empty() {
        let is_ready = |at: &usize| !needs[*at].iter().any(|next| next != at && left.contains(next));
        let ready: Vec<usize> = left.iter().copied().filter(is_ready).collect();
        // Only circles are left at the bottom: the one that needs nothing else goes together.
        let layer = if ready.is_empty() { bottom(&left, needs) } else { ready };
        for at in &layer {
            left.remove(at);
        }
        layers.push(layer);
    }
    layers
}

/// What reaches the fewest others: a circle that needs nothing outside itself.
fn bottom(left: &BTreeSet<usize>, needs: &[Vec<usize>]) -> Vec<usize> {
    let reached = |start: usize| {
        let (mut seen, mut open) = (BTreeSet::from([start]), vec![start]);
        while let Some(at) = open.pop() {
            open.extend(needs[at].iter().copied().filter(|next| left.contains(next) && seen.insert(*next)));
        }
        seen
    };
    let smallest = left.iter().map(|start| reached(*start)).min_by_key(BTreeSet::len);
    smallest.unwrap_or_default().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::layers;

    #[test]
    fn what_others_need_comes_first() {
        assert_eq!(layers(&[vec![1], vec![2, 1], vec![], vec![]]), [vec![2, 3], vec![1], vec![0]]);
    }

    #[test]
    fn a_circle_is_one_layer_after_what_it_needs() {
        assert_eq!(layers(&[vec![1], vec![2], vec![1, 3], vec![]]), [vec![3], vec![1, 2], vec![0]]);
        assert!(layers(&[]).is_empty());
    }
}
