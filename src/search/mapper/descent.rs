//! Descents: from a mapping to a better one a step away, as long as there is one.

use super::Visits;
use crate::base::dims::Dim;
use crate::mapping::tiling::Mapping;
use crate::search::encoding::mapping::MappingSpace;

/// Descents from every mapping seen so far, the best one first, until `visits` has `limit` mappings.
pub(super) fn from_each(spaces: &[MappingSpace<'_>], visits: &mut Visits<'_>, limit: usize) {
    let mut starts: Vec<usize> = (0..visits.seen.len()).collect();
    starts.sort_by(|&a, &b| visits.worth(a).total_cmp(&visits.worth(b)));
    for at in starts {
        from(spaces, visits, limit, at);
    }
}

/// A descent from the best mapping until no step helps, or `visits` has `limit` mappings.
pub(super) fn from_best(spaces: &[MappingSpace<'_>], visits: &mut Visits<'_>, limit: usize) {
    let Some(at) = visits.lowest() else { return };
    from(spaces, visits, limit, at);
}

fn from(spaces: &[MappingSpace<'_>], visits: &mut Visits<'_>, limit: usize, mut at: usize) {
    let mut first = 0;
    loop {
        let here = visits.seen[at].mapping;
        let neighbours = neighbours(spaces, &here);
        let mut better = None;
        // Starts with the kind of step after the one that helped last.
        for i in 0..neighbours.len() {
            if visits.seen.len() >= limit {
                return;
            }
            let kind = (first + i) % neighbours.len();
            let Some(m) = neighbours[kind].and_then(|m| under(spaces, &m).repair(&m)) else {
                continue;
            };
            let value = visits.value(&m);
            if value < visits.worth(at) {
                better = Some(visits.place(&m));
                first = kind;
                break;
            }
        }
        if let Some(i) = better {
            at = i;
            continue;
        }
        // The bound may have led here: go on from the best exact result if that is elsewhere.
        visits.settle();
        match visits.lowest() {
            Some(i) if visits.worth(i) < visits.worth(at) => at = i,
            _ => return,
        }
    }
}

/// The space that `m` belongs to.
fn under<'s, 'a>(spaces: &'s [MappingSpace<'a>], m: &Mapping) -> &'s MappingSpace<'a> {
    spaces.iter().find(|s| s.split == m.split).unwrap_or(&spaces[0])
}

/// Mappings one step away, not yet repaired; as many for every mapping, so that a position means a kind of step.
fn neighbours(spaces: &[MappingSpace<'_>], m: &Mapping) -> Vec<Option<Mapping>> {
    let space = under(spaces, m);
    let mut all = Vec::with_capacity(67 + spaces.len());
    for d in Dim::ALL {
        let units = space.l2_units(d, m.offchip.tile[d]);
        let size = space.l2_share(d, m.l2.tile[d]);
        for new in steps(units, size) {
            all.push(new.map(|new| {
                let mut n = *m;
                n.l2.tile[d] = space.l2_tile(d, new, m.offchip.tile[d]);
                n
            }));
        }
        let units = space.offchip_units(d);
        let size = space.offchip_share(d, m.offchip.tile[d]);
        for new in steps(units, size) {
            all.push(new.map(|new| {
                let mut n = *m;
                n.offchip.tile[d] = space.offchip_tile(d, new);
                // An array tile as large as the level-2 tile stays so.
                if m.l2.tile[d] == m.offchip.tile[d] {
                    n.l2.tile[d] = n.offchip.tile[d];
                }
                n
            }));
        }
    }
    for i in 0..5 {
        let mut n = *m;
        n.l2.order.swap(i, i + 1);
        all.push(Some(n));
        n = *m;
        n.offchip.order.swap(i, i + 1);
        all.push(Some(n));
    }
    // Another split of the axes, where there is one.
    if spaces.len() > 1 {
        all.extend(spaces.iter().map(|other| {
            let n = Mapping {
                split: other.split,
                ..*m
            };
            (n != *m).then_some(n)
        }));
    }
    all
}

/// Sizes of equal tiles of `units` to try instead of `size`: the next ones, and half and twice as large.
fn steps(units: u32, size: u32) -> [Option<u32>; 4] {
    let tiles = units.div_ceil(size);
    let smaller = (size > 1).then(|| units.div_ceil(units.div_ceil(size - 1)));
    let larger = (tiles > 1).then(|| units.div_ceil(tiles - 1));
    let half = (size > 3)
        .then(|| units.div_ceil(2 * tiles))
        .filter(|&h| Some(h) != smaller);
    let twice = (tiles > 3)
        .then(|| units.div_ceil(tiles / 2))
        .filter(|&t| Some(t) != larger);
    [larger, smaller, twice, half]
}
