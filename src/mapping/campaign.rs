//! Campaigns of random cases: which arrays they use, what a case is as a file, and what a set of cases covers.
//!
//! A case is several layers that run back to back on one accelerator, because building a simulation costs far more than
//! running a small layer, and because what one layer leaves behind must not disturb the next. The arrays are dealt, not
//! drawn: any six neighbouring cases use every dimension on some axis, and arrays of two axes go through all 36 ordered
//! pairs before one returns. In every third case one axis runs several dimensions, its own among them where it has such
//! company. Layers, sizes, memories and mappings are drawn by [`crate::mapping::random`].

use crate::arch::accelerator::{AXIS_COUNTS, Accelerator, Axis};
use crate::arch::connectivity::SHARED;
use crate::base::diag::{Code, Diagnostic, Result};
use crate::base::dims::Dim;
use crate::base::rng;
use crate::mapping::legality::schedule;
use crate::mapping::plane;
use crate::mapping::random::{Limits, Triple, random_set_on};
use crate::mapping::tiling::Mapping;
use crate::workload::layer::Layer;
use rand::RngExt as _;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Layers of a case, unless fewer are left. Sixty layers thus come from at least six arrays.
pub const LAYERS: u64 = 10;

/// Numbers of axes, in turn, where a campaign mixes them. As long a turn as seven has no rhythm in common with the six
/// dimensions, so every number of axes meets every dimension.
const MIXED: [usize; 7] = [2, 3, 2, 1, 2, 3, 2];

/// Layers with their mappings on one accelerator: the content of a replay file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Seed of the layers' data, and of stalls.
    pub seed: u64,
    /// Percentage of cycles in which each channel of the memory stalls; 0 compares cycles and counters, too.
    pub stall: u32,
    /// The accelerator.
    pub accelerator: Accelerator,
    /// The layers, in order.
    pub layers: Vec<Layer>,
    /// Their mappings.
    pub mappings: Vec<Mapping>,
}

impl Case {
    /// The case of triples on one accelerator; `None` where there are none.
    #[must_use]
    pub fn new(set: &[Triple], seed: u64) -> Option<Self> {
        let accelerator = set.first()?.accelerator.clone();
        let layer = |(i, t): (usize, &Triple)| Layer {
            name: format!("layer{i}"),
            shape: t.shape,
        };
        Some(Self {
            seed,
            stall: 0,
            accelerator,
            layers: set.iter().enumerate().map(layer).collect(),
            mappings: set.iter().map(|t| t.mapping).collect(),
        })
    }

    /// Its layers as triples.
    ///
    /// # Errors
    /// For a case from a file: `E0102` if it is empty or lacks mappings, `E0202` for an accelerator that cannot be built,
    /// `E0103` and `E0104` for a layer, `E0203` for a mapping that cannot run.
    pub fn triples(&self) -> Result<Vec<Triple>> {
        if self.layers.is_empty() || self.layers.len() != self.mappings.len() {
            let (layers, mappings) = (self.layers.len(), self.mappings.len());
            return Err(Diagnostic::new(
                Code::Malformed,
                format!("the case has {layers} layers and {mappings} mappings"),
            )
            .expected("one mapping per layer, at least one layer"));
        }
        self.accelerator.validate()?;
        let one = |(layer, mapping): (&Layer, &Mapping)| {
            let nest = plane::on(&layer.nest()?, &self.accelerator);
            schedule(&nest, &self.accelerator, mapping).map_err(|e| e.at(format!("layer `{}`", layer.name)))?;
            Ok(Triple {
                accelerator: self.accelerator.clone(),
                shape: layer.shape,
                nest,
                mapping: *mapping,
            })
        };
        self.layers.iter().zip(&self.mappings).map(one).collect()
    }
}

/// Which random cases to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Campaign {
    seed: u64,
    layers: u64,
    limits: Limits,
    arrays: Vec<Vec<Vec<Dim>>>,
}

impl Campaign {
    /// The campaign of `layers` random layers under `seed`, on arrays of `axes` axes (`None`: one to three, mixed).
    ///
    /// # Errors
    /// `E0103` if the hardware has no such arrays.
    pub fn new(seed: u64, layers: u64, axes: Option<usize>, limits: Limits) -> Result<Self> {
        let cases = layers.div_ceil(LAYERS) as usize;
        let deck = shuffled(seed);
        if axes.is_some_and(|n| !AXIS_COUNTS.contains(&n)) {
            return Err(Diagnostic::new(
                Code::Unsupported,
                format!("this version builds no arrays of {} axes", axes.unwrap_or(0)),
            ));
        }
        let arrays = (0..).map(|i| shared(i, array(deck, i, axes.unwrap_or(MIXED[i % MIXED.len()]))));
        Ok(Self {
            seed,
            layers,
            limits,
            arrays: arrays.take(cases).collect(),
        })
    }

    /// Cases.
    #[must_use]
    pub const fn cases(&self) -> usize {
        self.arrays.len()
    }

    /// The triples of a case, all on one accelerator. They do not depend on how many cases there are.
    #[must_use]
    pub fn triples(&self, case: usize) -> Vec<Triple> {
        let left = self.layers - LAYERS * case as u64;
        let mut rng = rng::stream(self.seed, &[case as u64]);
        random_set_on(&mut rng, &self.limits, left.min(LAYERS) as usize, &self.arrays[case])
    }

    /// The seed of a case's data.
    #[must_use]
    pub fn data_seed(&self, case: usize) -> u64 {
        rng::stream(self.seed, &[case as u64, 1]).random()
    }
}

fn shuffled(seed: u64) -> [Dim; 6] {
    let mut rng = rng::stream(seed, &[]);
    let mut dims = Dim::ALL;
    for i in (1..dims.len()).rev() {
        dims.swap(i, rng.random_range(0..=i));
    }
    dims
}

/// The dimensions of the `i`-th array's axes. The first goes round the six; against it the second takes every other one
/// within 36 arrays, and the third within 216.
fn array(deck: [Dim; 6], i: usize, axes: usize) -> Vec<Dim> {
    let (first, round, lap) = (i % 6, i / 6 % 6, i / 36 % 6);
    let places = [first, 2 * first + round, first + 2 * round + lap + 3];
    places[..axes].iter().map(|&p| deck[p % 6]).collect()
}

/// The axes of the `i`-th array: one dimension each, but of every third array one that has company runs several. First axes go
/// round the dimensions every six arrays: each time it is the turn of others of the six.
fn shared(i: usize, dims: Vec<Dim>) -> Vec<Vec<Dim>> {
    let mut axes: Vec<Vec<Dim>> = dims.into_iter().map(|d| vec![d]).collect();
    if (i + i / 6) % 3 == 2 {
        let turn = i / 3;
        for axis in &mut axes {
            let sets: Vec<&[Dim]> = SHARED.into_iter().filter(|set| set.contains(&axis[0])).collect();
            if !sets.is_empty() {
                *axis = sets[turn % sets.len()].to_vec();
                break;
            }
        }
    }
    axes
}

/// What a set of triples covers: how many of them have each property.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Layers.
    #[serde(skip)]
    pub layers: u64,
    /// Multiply-accumulates.
    #[serde(skip)]
    pub macs: u64,
    /// By the dimensions of the axes, such as `K,C`.
    pub arrays: BTreeMap<String, u64>,
    /// By kind.
    pub kinds: BTreeMap<String, u64>,
    /// By stride over rows and columns, such as `2x1`.
    pub strides: BTreeMap<String, u64>,
    /// By the level at which some tile is ragged: `off-chip`, `level-2`, `both`, `none`.
    pub ragged_tiles: BTreeMap<String, u64>,
    /// By further properties; one layer may have several.
    pub properties: BTreeMap<String, u64>,
}

impl Coverage {
    /// Adds a triple.
    pub fn add(&mut self, t: &Triple) {
        let (s, nest) = (t.schedule(), &t.nest);
        self.layers += 1;
        self.macs += nest.macs();
        let mut count = |map: fn(&mut Self) -> &mut BTreeMap<String, u64>, key: String| {
            *map(self).entry(key).or_default() += 1;
        };
        count(|c| &mut c.arrays, names(&t.accelerator).join(","));
        count(|c| &mut c.kinds, nest.kind.as_str().into());
        count(|c| &mut c.strides, format!("{}x{}", nest.stride[0], nest.stride[1]));
        let offchip = Dim::ALL.iter().any(|&d| s.l2_tile[d][0] != s.l2_tile[d][1]);
        let level2 = Dim::ALL
            .iter()
            .any(|&d| s.tile[d][0] != s.tile[d][1] || s.tile[d][0] != s.tile[d][2]);
        let ragged = match (offchip, level2) {
            (true, true) => "both",
            (true, false) => "off-chip",
            (false, true) => "level-2",
            (false, false) => "none",
        };
        count(|c| &mut c.ragged_tiles, ragged.into());
        let digits = |axis: &Axis| axis.dims.iter().filter(|&&d| s.mapping.split[d] > 1).count();
        for (name, is) in [
            ("accumulates", s.accumulate),
            ("batch", nest.n > 1),
            ("dilation", nest.dilation != [1, 1]),
            ("padding", nest.pad.iter().any(|&p| p > 0)),
            ("split axis", s.mapping.split.0.iter().any(|&p| p > 1)),
            (
                "axis split over several",
                t.accelerator.axes.iter().any(|a| digits(a) > 1),
            ),
        ] {
            if is {
                count(|c| &mut c.properties, name.into());
            }
        }
    }

    /// The ordered pairs of dimensions of the arrays with two axes, and of sets of dimensions such as `RC`.
    #[must_use]
    pub fn axis_pairs(&self) -> Vec<[&str; 2]> {
        let dims = self.arrays.keys().map(|name| name.split(',').collect::<Vec<_>>());
        dims.filter_map(|dims| <[&str; 2]>::try_from(dims).ok()).collect()
    }
}

/// What each axis runs, in order.
fn names(a: &Accelerator) -> Vec<String> {
    let axis = |dims: &[Dim]| dims.iter().map(ToString::to_string).collect::<String>();
    a.axes.iter().map(|x| axis(&x.dims)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Any six neighbours use every dimension; 36 arrays of two axes are all pairs, 216 of three axes all triples.
    #[test]
    fn arrays_are_dealt_evenly() {
        let deck = shuffled(4);
        for axes in 1..=3 {
            let all: BTreeSet<Vec<Dim>> = (0..6usize.pow(axes)).map(|i| array(deck, i, axes as usize)).collect();
            assert_eq!(all.len(), 6usize.pow(axes), "{axes} axes");
        }
        for start in 0..100 {
            let dims: BTreeSet<Dim> = (start..start + 6)
                .flat_map(|i| array(deck, i, MIXED[i % MIXED.len()]))
                .collect();
            assert_eq!(dims.len(), 6);
        }
    }

    #[test]
    fn cases_repeat_whatever_their_number() {
        let campaign = |n| Campaign::new(9, n, None, Limits::default()).unwrap();
        let (few, many) = (campaign(15), campaign(40));
        assert_eq!((few.cases(), few.triples(1).len()), (2, 5));
        assert_eq!(few.triples(0), many.triples(0));
        assert_ne!(many.triples(2), many.triples(3));
        assert_ne!(many.data_seed(0), many.data_seed(1));
    }

    #[test]
    fn cases_survive_their_file_and_are_checked() {
        let set = Campaign::new(2, 3, None, Limits::default()).unwrap().triples(0);
        let case = Case::new(&set, 7).unwrap();
        let text = serde_json::to_string(&case).unwrap();
        let read: Case = serde_json::from_str(&text).unwrap();
        assert_eq!(read, case);
        assert_eq!(read.triples().unwrap(), set);
        let mut short = case.clone();
        short.mappings.pop();
        assert_eq!(short.triples().unwrap_err().code, Code::Malformed);
        let mut illegal = case;
        illegal.accelerator.buffers.W.bytes = illegal.accelerator.lanes.W;
        illegal.mappings[0].l2.tile = set[0].nest.bounds;
        illegal.mappings[0].offchip.tile = set[0].nest.bounds;
        illegal.accelerator.l2.W.bytes = 0;
        assert!(illegal.triples().is_err());
    }

    #[test]
    fn coverage_counts() {
        let campaign = Campaign::new(5, 60, None, Limits::default()).unwrap();
        let mut coverage = Coverage::default();
        for t in (0..campaign.cases()).flat_map(|c| campaign.triples(c)) {
            coverage.add(&t);
        }
        assert_eq!(coverage.layers, 60);
        assert!(coverage.macs >= 60 * 5000, "{} MACs", coverage.macs);
        for map in [
            &coverage.arrays,
            &coverage.kinds,
            &coverage.strides,
            &coverage.ragged_tiles,
        ] {
            assert_eq!(map.values().sum::<u64>(), 60, "{map:?}");
        }
        assert!(!coverage.axis_pairs().is_empty());
    }
}
