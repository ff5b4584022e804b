//! Accelerators and mappings as numbers whose differences mean something: logarithms of sizes, places of loops. What a
//! Gaussian process learns over (arXiv 2010.02075, section 4).

use crate::arch::accelerator::Accelerator;
use crate::base::dims::Dim;
use crate::mapping::tiling::Mapping;
use crate::search::numeric::ln;
use crate::workload::layer::LoopNest;
use std::f64::consts::LN_2;

/// Octaves that count as a distance of one.
const OCTAVES: f64 = 4.0;

fn octaves(x: f64) -> f64 {
    ln(x.max(1.0)) / LN_2 / OCTAVES
}

/// Parallelism along each dimension, bytes of every memory in all, lanes.
#[must_use]
pub fn accelerator(a: &Accelerator) -> Vec<f64> {
    let mut all: Vec<f64> = Dim::ALL.iter().map(|&d| octaves(a.parallel(d).into())).collect();
    let (b, l) = (&a.buffers, &a.l2);
    all.push(octaves(a.pes().into()));
    all.extend([b.W.bytes, b.I.bytes, 4 * b.psum.words, l.W.bytes, l.I.bytes, l.O.bytes].map(|x| octaves(x.into())));
    all.extend([a.lanes.W, a.lanes.I].map(|x| octaves(x.into())));
    all
}

/// Trips of every loop, and where it stands.
#[must_use]
pub fn mapping(nest: &LoopNest, m: &Mapping) -> Vec<f64> {
    let mut all = Vec::with_capacity(24);
    let trips = |outer: u32, inner: u32| octaves(outer.div_ceil(inner.max(1)).into());
    for d in Dim::ALL {
        all.push(trips(nest.bounds[d], m.offchip.tile[d]));
        all.push(trips(m.offchip.tile[d], m.l2.tile[d]));
    }
    for order in [&m.offchip.order, &m.l2.order] {
        let place = |d: Dim| order.iter().position(|&o| o == d).unwrap_or(0);
        all.extend(Dim::ALL.map(|d| place(d) as f64 / 10.0));
    }
    all
}
