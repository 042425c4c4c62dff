//! How ranges relate: do they share a version, does one lie within the other, where does one begin.

use super::parse::is_null;
use super::range::{Comparator, Operator, Range, set_accepts};
use super::version::{Prerelease, Version};

/// The range that satisfies all of `ranges`; `None` if there is none, or one of them is no range.
pub fn intersection(ranges: &[&str]) -> Option<String> {
    const MAX_ALTERNATIVES: usize = 64;
    let alternatives = |range: &Range| -> Vec<String> {
        let text = |set: &[Comparator]| set.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        range.sets().map(text).collect()
    };
    let mut current: Option<Vec<String>> = None;
    for range in ranges {
        let next = alternatives(&Range::parse_loose(range).ok()?);
        let Some(held) = current else {
            current = Some(next);
            continue;
        };
        let mut both: Vec<String> = Vec::new();
        for (a, b) in held.iter().flat_map(|a| next.iter().map(move |b| (a, b))) {
            let (left, right) = (Range::parse_loose(a).ok()?, Range::parse_loose(b).ok()?);
            if left.intersects(&right) {
                let text = if left.is_subset_of(&right) {
                    a.clone()
                } else if right.is_subset_of(&left) {
                    b.clone()
                } else {
                    format!("{a} {b}")
                };
                if !both.contains(&text) {
                    both.push(text);
                }
            }
        }
        both.truncate(MAX_ALTERNATIVES);
        if both.is_empty() {
            return None;
        }
        current = Some(both);
    }
    current.map(|sets| sets.join("||"))
}

impl Range {
    /// Some version may satisfy both, as npm judges it: comparator by comparator.
    pub fn intersects(&self, other: &Self) -> bool {
        let all = self.include_prerelease;
        self.sets.iter().filter(|set| is_satisfiable(set, all)).any(|left| {
            other.sets.iter().filter(|set| is_satisfiable(set, all)).any(|right| sets_intersect(left, right, all))
        })
    }

    /// Every version that satisfies `self` satisfies `other`, as npm judges it: alternative by alternative.
    pub fn is_subset_of(&self, other: &Self) -> bool {
        let mut saw_satisfiable = false;
        for sub in &self.sets {
            let mut within = false;
            for dom in &other.sets {
                let verdict = set_is_within(sub, dom, self.include_prerelease);
                saw_satisfiable |= verdict.is_some();
                if verdict == Some(true) {
                    within = true;
                    break;
                }
            }
            if !within && saw_satisfiable {
                return false;
            }
        }
        true
    }

    /// The lowest version that satisfies the range; `None` if none does.
    pub fn min_version(&self) -> Option<Version> {
        let zero = Version::new(0, 0, 0);
        if self.satisfies(&zero) {
            return Some(zero);
        }
        let lowest = Version { prerelease: Some(Prerelease::lowest()), ..zero };
        if self.satisfies(&lowest) {
            return Some(lowest);
        }
        let mut minimum: Option<Version> = None;
        for set in &self.sets {
            let bounds = set.iter().filter(|comparator| !comparator.operator.is_upper_bound()).map(first_accepted);
            let Some(highest) = bounds.reduce(|held, next| if next.precedence(&held).is_gt() { next } else { held })
            else {
                continue;
            };
            if minimum.as_ref().is_none_or(|held| held.precedence(&highest).is_gt()) {
                minimum = Some(highest);
            }
        }
        minimum.filter(|version| self.satisfies(version))
    }
}

fn sets_intersect(left: &[Comparator], right: &[Comparator], include_prerelease: bool) -> bool {
    if right.is_empty() {
        // npm asks `*` whether it accepts an exact version on the left, and it accepts no prerelease.
        let refused = |a: &Comparator| a.operator == Operator::Equal && a.version.is_prerelease();
        return include_prerelease || !left.iter().any(refused);
    }
    left.iter().all(|a| right.iter().all(|b| overlap(a, b, include_prerelease)))
}

fn first_accepted(comparator: &Comparator) -> Version {
    let mut version = Version { build: None, ..comparator.version.clone() };
    if comparator.operator == Operator::Greater {
        match version.prerelease.take() {
            None => version.patch += 1,
            Some(ids) => version.prerelease = Some(Prerelease::from_valid(&format!("{}.0", ids.as_str()))),
        }
    }
    version
}

fn is_satisfiable(set: &[Comparator], include_prerelease: bool) -> bool {
    set.iter().enumerate().all(|(index, a)| set[index + 1..].iter().all(|b| overlap(a, b, include_prerelease)))
}

fn overlap(a: &Comparator, b: &Comparator, include_prerelease: bool) -> bool {
    let accepts = |bound: &Comparator, exact: &Comparator| {
        set_accepts(std::slice::from_ref(bound), &exact.version, include_prerelease)
    };
    if a.operator == Operator::Equal {
        return accepts(b, a);
    }
    if b.operator == Operator::Equal {
        return accepts(a, b);
    }
    if is_below_all(a, include_prerelease) || is_below_all(b, include_prerelease) {
        return false;
    }
    if a.operator.is_lower_bound() == b.operator.is_lower_bound() {
        return true;
    }
    let order = a.version.precedence(&b.version);
    if order.is_eq() {
        return a.operator.accepts_equal() && b.operator.accepts_equal();
    }
    order.is_lt() == a.operator.is_lower_bound()
}

/// It accepts nothing: `<0.0.0-0`, and where prereleases do not take part `<0.0.0` with any.
fn is_below_all(comparator: &Comparator, include_prerelease: bool) -> bool {
    if include_prerelease {
        return is_null(comparator);
    }
    comparator.operator == Operator::Less && comparator.version.same_tuple(&Version::new(0, 0, 0))
}

/// The bounds of a set: the tightest of each side.
#[derive(Default)]
struct Bounds<'a> {
    lower: Option<&'a Comparator>,
    upper: Option<&'a Comparator>,
    exact: Option<&'a Comparator>,
}

/// `None`: the set on the left is empty in itself.
fn set_is_within(sub: &[Comparator], dom: &[Comparator], include_prerelease: bool) -> Option<bool> {
    let any_floor = [Comparator {
        operator: Operator::GreaterOrEqual,
        version: Version { prerelease: include_prerelease.then(Prerelease::lowest), ..Version::new(0, 0, 0) },
    }];
    if sub.is_empty() && dom.is_empty() {
        return Some(true);
    }
    let sub = if sub.is_empty() { &any_floor } else { sub };
    if dom.is_empty() && include_prerelease {
        return Some(true);
    }
    let dom = if dom.is_empty() { &any_floor } else { dom };
    let bounds = bounds_of(sub)?;
    let meet = match (bounds.lower, bounds.upper) {
        (Some(lower), Some(upper)) => {
            let order = lower.version.precedence(&upper.version);
            let closed = lower.operator.accepts_equal() && upper.operator.accepts_equal();
            if order.is_gt() || (order.is_eq() && !closed) {
                return None;
            }
            order.is_eq()
        }
        _ => false,
    };
    if let Some(exact) = bounds.exact {
        let accepts = |bound: &Comparator| set_accepts(std::slice::from_ref(bound), &exact.version, include_prerelease);
        if !bounds.lower.is_none_or(accepts) || !bounds.upper.is_none_or(accepts) {
            return None;
        }
        return Some(dom.iter().all(accepts));
    }
    Some(bounds_are_within(&bounds, dom, meet, include_prerelease))
}

/// `None`: two different exact versions, which nothing satisfies.
fn bounds_of(set: &[Comparator]) -> Option<Bounds<'_>> {
    let mut bounds = Bounds::default();
    for comparator in set {
        if comparator.operator.is_lower_bound() {
            bounds.lower = Some(tighter(bounds.lower, comparator));
        } else if comparator.operator.is_upper_bound() {
            bounds.upper = Some(tighter(bounds.upper, comparator));
        } else if bounds.exact.replace(comparator).is_some() {
            return None;
        }
    }
    Some(bounds)
}

fn tighter<'a>(held: Option<&'a Comparator>, next: &'a Comparator) -> &'a Comparator {
    let Some(held) = held else { return next };
    let order = next.version.precedence(&held.version);
    let beyond = if next.operator.is_lower_bound() { order.is_gt() } else { order.is_lt() };
    let excludes = order.is_eq() && held.operator.accepts_equal() && !next.operator.accepts_equal();
    if beyond || excludes { next } else { held }
}

fn bounds_are_within(bounds: &Bounds<'_>, dom: &[Comparator], meet: bool, include_prerelease: bool) -> bool {
    let needs_prerelease = |bound: Option<&Comparator>| {
        bound.filter(|bound| !include_prerelease && bound.version.is_prerelease()).is_some_and(|bound| {
            let named = dom.iter().any(|c| c.version.is_prerelease() && c.version.same_tuple(&bound.version));
            // `<1.2.3-0` is the same as `<1.2.3`.
            let open = bound.operator == Operator::Less
                && bound.version.prerelease.as_ref().is_some_and(|ids| ids.as_str() == "0");
            !named && !open
        })
    };
    for comparator in dom {
        for (bound, same_side) in
            [(bounds.lower, comparator.operator.is_lower_bound()), (bounds.upper, comparator.operator.is_upper_bound())]
        {
            let Some(bound) = bound else { continue };
            if same_side {
                if std::ptr::eq(tighter(Some(bound), comparator), comparator) {
                    return false;
                }
            } else if bound.operator.accepts_equal() && !comparator.holds(&bound.version) {
                return false;
            }
        }
        if comparator.operator == Operator::Equal && (bounds.lower.is_some() || bounds.upper.is_some()) && !meet {
            return false;
        }
    }
    let dom_has_upper = dom.iter().any(|comparator| comparator.operator.is_upper_bound());
    let dom_has_lower = dom.iter().any(|comparator| comparator.operator.is_lower_bound());
    if bounds.lower.is_some() && dom_has_upper && bounds.upper.is_none() {
        return false;
    }
    if bounds.upper.is_some() && dom_has_lower && bounds.lower.is_none() {
        return false;
    }
    !needs_prerelease(bounds.lower) && !needs_prerelease(bounds.upper)
}
