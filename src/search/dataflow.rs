//! The mappings of published chips: what their dataflow dictates, with tiles as large as their memories allow.
//!
//! A dataflow fixes the order of the loops at both levels and which dimensions fill the memories first. Nothing is searched and
//! nothing priced: tiles first fill the array's axes; then the first dimension grows, in tiles of equal size, until the tile no
//! longer fits, then the next one.
//!
//! Sources: Jouppi et al., ISCA 2017 (a systolic array whose weights stay, which EdgeTPU's is understood to be); NVIDIA, NVDLA
//! primer 2018 (weights stay for a stripe of positions while sums wait in accumulators); Chen et al., ISCA 2016 (rows of
//! filters and inputs stay, sums of rows meet along the R axis); Du et al., ISCA 2015 (each PE keeps one output position).
//! docs/baselines.md says what of each chip the template holds.

use crate::arch::accelerator::Accelerator;
use crate::arch::geometry::Geometry;
use crate::base::diag::{Code, Diagnostic, Result};
use crate::base::dims::Dim::{self, C, K, R, S, X, Y};
use crate::mapping::legality::split_violations;
use crate::mapping::tiling::{Mapping, UNSPLIT};
use crate::search::encoding::mapping::MappingSpace;
use crate::search::heuristics::{INPUTS_ONCE, Recipe, WEIGHTS_ONCE, grow, grown};
use crate::search::importance::{arrangements, lehmer_unrank};
use crate::workload::layer::LoopNest;

/// A chip with its dataflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dataflow {
    /// The chip, as its files are called.
    pub name: &'static str,
    /// The resource preset that it uses up.
    pub resources: &'static str,
    /// The accelerator file.
    accelerator: &'static str,
    offchip: Recipe,
    array: Recipe,
}

/// Whole reductions, then positions, then output channels: weights are read once.
const WEIGHTS: Recipe = Recipe {
    order: WEIGHTS_ONCE,
    grow: [S, R, C, X, Y, K],
};
/// A stripe of positions under whole kernels; sums stay until they are complete.
const NVDLA: Recipe = Recipe {
    order: [K, Y, X, C, R, S],
    grow: [S, R, X, Y, K, C],
};

/// Rows of filters and inputs stay, sums of rows meet along the R axis.
const ROWS: [Recipe; 2] = [
    Recipe {
        order: INPUTS_ONCE,
        grow: [S, R, X, C, K, Y],
    },
    Recipe {
        order: [K, Y, X, C, R, S],
        grow: [R, S, X, C, K, Y],
    },
];

/// The human baselines, largest first; Eyeriss also without folding, for comparison.
pub const DATAFLOWS: [Dataflow; 6] = [
    Dataflow {
        name: "edgetpu",
        resources: "edgetpu",
        accelerator: include_str!("../../workloads/designs/accelerators/edgetpu.json"),
        offchip: WEIGHTS,
        array: Recipe {
            order: [K, C, R, S, Y, X],
            grow: [X, Y, S, R, C, K],
        },
    },
    Dataflow {
        name: "nvdla-1024",
        resources: "nvdla-1024",
        accelerator: include_str!("../../workloads/designs/accelerators/nvdla-1024.json"),
        offchip: WEIGHTS,
        array: NVDLA,
    },
    Dataflow {
        name: "nvdla-256",
        resources: "nvdla-256",
        accelerator: include_str!("../../workloads/designs/accelerators/nvdla-256.json"),
        offchip: WEIGHTS,
        array: NVDLA,
    },
    Dataflow {
        name: "eyeriss",
        resources: "eyeriss",
        accelerator: include_str!("../../workloads/designs/accelerators/eyeriss.json"),
        offchip: ROWS[0],
        array: ROWS[1],
    },
    Dataflow {
        name: "eyeriss-rigid",
        resources: "eyeriss",
        accelerator: include_str!("../../workloads/designs/accelerators/eyeriss-rigid.json"),
        offchip: ROWS[0],
        array: ROWS[1],
    },
    Dataflow {
        name: "shidiannao",
        resources: "shidiannao",
        accelerator: include_str!("../../workloads/designs/accelerators/shidiannao.json"),
        offchip: Recipe {
            order: INPUTS_ONCE,
            grow: [S, R, C, K, X, Y],
        },
        array: Recipe {
            order: [Y, X, K, C, R, S],
            grow: [S, R, C, K, X, Y],
        },
    },
];

impl Dataflow {
    /// The chip called `name`.
    ///
    /// # Errors
    /// `E0105` if it is none of [`DATAFLOWS`].
    pub fn named(name: &str) -> Result<&'static Self> {
        DATAFLOWS.iter().find(|d| d.name == name).ok_or_else(|| {
            let names: Vec<&str> = DATAFLOWS.iter().map(|d| d.name).collect();
            Diagnostic::new(Code::UnknownName, format!("no human baseline is called `{name}`"))
                .expected(format!("one of {}", names.join(", ")))
        })
    }

    /// The same loop orders with tiles that grow along the dimensions in this order, at both levels.
    #[must_use]
    pub const fn growing(&self, grow: [Dim; 6]) -> Self {
        let mut other = *self;
        other.offchip.grow = grow;
        other.array.grow = grow;
        other
    }

    /// The chip as an accelerator of our template.
    ///
    /// # Errors
    /// `E0102`, `E0202`: none in a program as built, since tests read all of them.
    pub fn accelerator(&self) -> Result<Accelerator> {
        let a: Accelerator = serde_json::from_str(self.accelerator)
            .map_err(|e| Diagnostic::new(Code::Malformed, e.to_string()).at(self.name))?;
        a.validate()?;
        Ok(a)
    }

    /// The mappings of a layer among which the dataflow chooses: an axis over several dimensions runs taps side by side as far
    /// as the kernel goes, rows before columns, and as many channels beside them as fit.
    #[must_use]
    pub fn space<'a>(nest: &'a LoopNest, a: &'a Accelerator) -> MappingSpace<'a> {
        let g = Geometry::of(a);
        let mut split = UNSPLIT;
        for shared in g.shared {
            let mut left = shared.size;
            for d in [R, S, C, Y, X].into_iter().filter(|&d| shared.dims.contains(d)) {
                let most = nest.bounds[d].div_ceil(g.p(d)).min(left);
                let legal = |positions: &u32| {
                    let mut tried = split;
                    tried[d] = *positions;
                    split_violations(&g, &tried).is_empty()
                };
                split[d] = (1..=most).rev().find(legal).unwrap_or(1);
                left /= split[d];
            }
        }
        MappingSpace::under(nest, a, split)
    }

    /// The mapping of a layer as this dataflow dictates; none if the layer has no legal mapping.
    #[must_use]
    pub fn mapping(&self, space: &MappingSpace<'_>) -> Option<Mapping> {
        let mut m = space.smallest();
        m.offchip.order = self.offchip.order;
        m.l2.order = self.array.order;
        let mut m = space.repair(&m)?;
        // Axes first: whatever the order, tiles that leave positions idle serve no dataflow.
        for d in [S, R, Y, X, C, K] {
            let positions = space.positions(d).min(space.nest.bounds[d]);
            fill(space, &mut m, d, space.offchip_share(d, positions));
        }
        for d in self.offchip.grow {
            fill(space, &mut m, d, space.offchip_units(d));
        }
        space.repair(&grown(space, &m, &self.array))
    }

    /// [`Dataflow::growing`] in every order, in lexicographic order.
    #[must_use]
    pub fn growing_in_every_order(&self) -> impl ExactSizeIterator<Item = Self> {
        let count = Dim::ALL.len();
        (0..arrangements(count, count)).map(move |rank| {
            let grow = lehmer_unrank(rank, count, count);
            self.growing(std::array::from_fn(|i| Dim::ALL[grow[i]]))
        })
    }

    /// Orders in which dimensions of level-2 tiles and of array tiles grow.
    #[must_use]
    pub const fn growth(&self) -> [[Dim; 6]; 2] {
        [self.offchip.grow, self.array.grow]
    }

    /// Orders of the loops over level-2 tiles and over array tiles, outermost first.
    #[must_use]
    pub const fn orders(&self) -> [[Dim; 6]; 2] {
        [self.offchip.order, self.array.order]
    }
}

/// Enlarges the off-chip tile along `d` to the largest of equal tiles of `units` units that fits.
fn fill(space: &MappingSpace<'_>, m: &mut Mapping, d: Dim, units: u32) {
    grow(space, m, units, &|m, size| {
        m.offchip.tile[d] = m.offchip.tile[d].max(space.offchip_tile(d, size));
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::resources::Resources;
    use crate::mapping::legality::violations;
    use crate::mapping::plane;
    use crate::workload::zoo;

    #[test]
    fn baselines_use_up_their_resources_and_no_more() {
        for flow in &DATAFLOWS {
            let (name, a) = (flow.name, flow.accelerator().unwrap());
            let r = Resources::preset(flow.resources).unwrap();
            assert_eq!((a.name.as_str(), a.pes()), (name, r.pes));
            assert_eq!(r.exceeded_by(&a), Vec::<String>::new(), "{name}");
            assert_eq!(a.lanes.W + a.lanes.I, r.network_bytes_per_cycle, "{name}");
            assert_eq!(a.lanes.drain, r.drain_psums_per_cycle, "{name}");
            assert_eq!(a.offchip.bytes_per_cycle, r.offchip_bytes_per_cycle, "{name}");
            assert_eq!(a.offchip.latency_cycles, r.offchip_latency_cycles, "{name}");
            assert_eq!(a.onchip_bytes(), r.onchip_bytes, "{name}");
        }
        assert_eq!(Dataflow::named("tpu").unwrap_err().code, Code::UnknownName);
    }

    /// Its tiles grow along the same dimensions at both levels, so one of the orders is its own.
    #[test]
    fn growth_is_all_that_another_order_changes() {
        let flow = Dataflow::named("shidiannao").unwrap();
        assert_eq!(flow.growing([S, R, C, K, X, Y]), *flow);
        let other = flow.growing([X, Y, K, C, R, S]);
        assert_eq!(other.orders(), flow.orders());
        assert_ne!(other, *flow);
    }

    /// The rows that a kernel leaves free run channels: a power of two, since lanes are dealt evenly.
    #[test]
    fn eyeriss_folds() {
        let a = Dataflow::named("eyeriss").unwrap().accelerator().unwrap();
        for layer in &zoo::network("mnasnet1_0").unwrap().layers {
            let nest = plane::on(&layer.nest().unwrap(), &a);
            let split = Dataflow::space(&nest, &a).split;
            let taps = nest.bounds[R];
            let channels = 1 << nest.bounds[C].ilog2();
            let folded = match taps {
                1 => 8,
                3 => 4,
                5 => 2,
                other => panic!("{}: {other} rows", layer.name),
            };
            assert_eq!([split[R], split[C]], [taps, folded.min(channels)], "{}", layer.name);
        }
    }

    #[test]
    fn dictated_mappings_are_legal_keep_their_orders_and_cannot_grow_first() {
        for flow in &DATAFLOWS {
            let a = flow.accelerator().unwrap();
            for layer in &zoo::network("mnasnet1_0").unwrap().layers {
                let nest = plane::on(&layer.nest().unwrap(), &a);
                let space = Dataflow::space(&nest, &a);
                let m = flow.mapping(&space).unwrap();
                assert_eq!(violations(&nest, &a, &m), [], "{} {}", flow.name, layer.name);
                assert_eq!([m.offchip.order, m.l2.order], flow.orders());
                for d in Dim::ALL {
                    assert!(
                        m.offchip.tile[d] >= space.positions(d).min(nest.bounds[d]),
                        "{} {}",
                        flow.name,
                        layer.name
                    );
                }
                let first = flow.array.grow[0];
                let mut larger = m;
                larger.l2.tile[first] = m.offchip.tile[first];
                assert!(larger == m || !violations(&nest, &a, &larger).is_empty());
            }
        }
    }
}
