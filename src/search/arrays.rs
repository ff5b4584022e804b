//! Arrays worth a try, whatever their memories: of every set of parallel dimensions the sizes of axes with the lowest floors.
//!
//! A floor knows how well sizes divide the layers' extents and how many lanes fit the axes, and nothing of tiles; it costs a
//! thousandth of a mapped suite. So a search can see all shapes of arrays before it pays for one.

use crate::arch::accelerator::{AXIS_COUNTS, Accelerator, Axis, MAX_AXIS};
use crate::base::dims::Dim;
use crate::search::encoding::accelerator::AcceleratorSpace;
use crate::search::encoding::neighbours::{keep_bytes, settle};
use rayon::prelude::*;

/// Sizes of axes to try; one more axis takes what PEs are left.
const SIZES: [u32; 19] = [2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64];

/// Least share of the PEs that an array has, in percent.
const LEAST_PES: u32 = 70;

/// Arrays with the same parallel dimensions.
const ALIKE: usize = 3;

/// Arrays with floors above so many times the lowest are left out.
const MOST_FLOOR: f64 = 2.0;

/// Parallel dimensions of arrays of two axes or more with one dimension each, or those that `space` prescribes.
fn kinds(space: &AcceleratorSpace) -> Vec<Vec<Vec<Dim>>> {
    if let Some(dims) = &space.dims {
        return vec![dims.clone()];
    }
    let sets =
        (1u32..1 << Dim::ALL.len()).filter(|set| (2..=*AXIS_COUNTS.end()).contains(&(set.count_ones() as usize)));
    let dims = |set: u32| Dim::ALL.into_iter().filter(move |d| set >> d.index() & 1 == 1);
    sets.map(|set| dims(set).map(|d| vec![d]).collect()).collect()
}

/// Sizes of `axes` axes that use most of `pes` PEs: the first axis takes what the others leave.
fn sizes(axes: usize, pes: u32) -> Vec<Vec<u32>> {
    let mut others: Vec<Vec<u32>> = vec![Vec::new()];
    for _ in 1..axes {
        others = others
            .iter()
            .flat_map(|v| SIZES.map(|size| [v.as_slice(), &[size]].concat()))
            .collect();
    }
    let whole = |v: Vec<u32>| {
        let product: u32 = v.iter().product();
        let first = (pes / product).min(MAX_AXIS);
        let enough = first > 1 && 100 * u64::from(first * product) >= u64::from(LEAST_PES * pes);
        enough.then(|| [vec![first], v].concat())
    };
    others.into_iter().filter_map(whole).collect()
}

/// `base` with another array, as many bytes in the buffers of each operand, and all lanes that fit.
fn with_array(space: &AcceleratorSpace, base: &Accelerator, dims: &[Vec<Dim>], sizes: &[u32]) -> Accelerator {
    let mut a = base.clone();
    let axes = dims.iter().zip(sizes);
    a.axes = axes
        .map(|(dims, &size)| Axis {
            size,
            dims: dims.clone(),
        })
        .collect();
    space.set_lanes(&mut a, 1.0);
    keep_bytes(base, &mut a);
    settle(space, &mut a, true);
    a
}

/// The axes of arrays within `space`, those with the lowest `floor` first; memories are judged at the sizes of `base`.
#[must_use]
pub fn arrays(
    space: &AcceleratorSpace,
    base: &Accelerator,
    floor: &(dyn Fn(&Accelerator) -> f64 + Sync),
) -> Vec<Vec<Axis>> {
    let best = |dims: &Vec<Vec<Dim>>| -> Vec<(f64, Vec<Axis>)> {
        let sized = sizes(dims.len(), space.resources.pes).into_iter();
        let built = sized.map(|sizes| with_array(space, base, dims, &sizes));
        let legal = built.filter(|a| a.violations().is_empty() && space.resources.exceeded_by(a).is_empty());
        let mut ranked: Vec<(f64, Vec<Axis>)> = legal.map(|a| (floor(&a), a.axes)).collect();
        ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
        ranked.truncate(ALIKE);
        ranked
    };
    // In order whatever the threads: kinds are collected by their places, and sorting is stable.
    let all: Vec<Vec<(f64, Vec<Axis>)>> = kinds(space).par_iter().map(best).collect();
    let mut all: Vec<(f64, Vec<Axis>)> = all.into_iter().flatten().collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let most = all.first().map_or(0.0, |a| MOST_FLOOR * a.0);
    all.into_iter().filter(|a| a.0 <= most).map(|a| a.1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::resources::Resources;
    use crate::cost::tech::Technology;
    use crate::search::chips::starts;
    use crate::search::layers::least;
    use crate::search::problem::{Objective, Suite};
    use crate::workload::zoo;

    #[test]
    fn arrays_fill_the_pes_and_suit_the_layers() {
        let (model, network) = (Technology::named("45nm").unwrap(), zoo::network("resnet50").unwrap());
        let mut suite = Suite::default();
        suite.add(&network.name, &network.layers).unwrap();
        let mut space = AcceleratorSpace::new(Resources::preset("eyeriss").unwrap());
        let base = starts(&space, &suite).pop().unwrap();
        let floor = |a: &Accelerator| least(&model, &suite, Objective::Edp, a);
        let found = arrays(&space, &base, &floor);
        let pes = |axes: &[Axis]| axes.iter().map(|a| a.size).product::<u32>();
        assert!(found.iter().all(|axes| (118..=168).contains(&pes(axes))));
        // Layers of 7 to 56 rows, channels in multiples of 64.
        assert!(found[0].iter().any(|axis| axis.size == 7), "{:?}", found[0]);
        let dims = vec![vec![Dim::R], vec![Dim::Y]];
        space.dims = Some(dims.clone());
        let kept = arrays(&space, &base, &floor);
        let of = |axes: &Vec<Axis>| axes.iter().map(|a| a.dims.clone()).collect::<Vec<_>>();
        assert!(!kept.is_empty() && kept.iter().all(|axes| of(axes) == dims));
    }
}
