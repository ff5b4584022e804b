//! The search: accelerators of the crate, of which the study's model sees the array and the bytes beside it.

use crate::mapper::{Effort, Mapped, Task};
use crate::model::{Machine, Widths};
use crate::tiling::{Operand, Shape};
use crate::{EVALUATIONS, QUICK, THOROUGH};
use naas::arch::accelerator::Accelerator;
use naas::arch::resources::Resources;
use naas::base::diag::{Code, Diagnostic, Result};
use naas::base::dims::{Dim, PerDim};
use naas::base::rng::stream;
use naas::search::chips::starts;
use naas::search::dataflow::Dataflow;
use naas::search::encoding::accelerator::AcceleratorSpace;
use naas::search::guided::Guided;
use naas::search::mapper::Method;
use naas::search::nested::method;
use naas::search::problem::{Figures, Objective, Suite};
use naas::search::runner::{Candidate, Log, Problem, Rejection, run};
use naas::workload::layer::Shape as LayerShape;
use naas::workload::zoo;
use rand::Rng as _;
use rayon::prelude::*;
use std::collections::BTreeSet;

/// Accelerators that are mapped thoroughly at the end.
const FINALISTS: usize = 4;

/// Bytes of L1 per PE that make the chips' total: Eyeriss has the second.
const CHIPS_L1: [u64; 2] = [64, 512];

/// The axes of an array: the dimensions that one runs, and its size.
pub type Axes = Vec<(Vec<Dim>, u64)>;

/// Resources, networks and widths.
pub struct Setting {
    /// What the accelerators may spend. Their own lanes do not matter to the model, so the preset's widths do for these.
    resources: Resources,
    widths: Widths,
    networks: Vec<&'static str>,
    suite: Suite,
    shapes: Vec<Shape>,
}

impl Setting {
    /// Convolutions only: with fully connected layers the study's ceilings do not come out (docs/reproduction.md).
    pub fn new(resources: &str, networks: &[&'static str], form: &str) -> Result<Self> {
        let mut suite = Suite::default();
        for name in networks {
            let mut layers = zoo::network(name)?.layers;
            layers.retain(|l| matches!(l.shape, LayerShape::Conv(_)));
            suite.add(name, &layers)?;
        }
        let plain = suite.distinct.iter().all(|(_, nest)| nest.n * nest.g == 1);
        if !plain {
            let what = "the study's layers have one image, and one group or one per channel";
            return Err(Diagnostic::new(Code::Unsupported, what));
        }
        Ok(Self {
            resources: Resources::preset(resources)?,
            widths: Widths::of(&Resources::preset(&format!("{resources}@{form}"))?),
            networks: networks.to_vec(),
            shapes: suite.distinct.iter().map(|(_, nest)| Shape::of(nest)).collect(),
            suite,
        })
    }

    /// What the model sees of an accelerator: its array, its buffers' bytes as a pool, and those of level 2 as another.
    fn design(&self, a: &Accelerator) -> Design {
        let l2 = [&a.l2.W, &a.l2.I, &a.l2.O, &a.l2.P];
        let l2: u64 = l2.into_iter().map(|m| u64::from(m.bytes) * u64::from(m.slots)).sum();
        let pes = u64::from(a.pes());
        let axes = a.axes.iter().map(|axis| (axis.dims.clone(), u64::from(axis.size)));
        Design {
            machine: Machine::new(pes, [(a.onchip_bytes() - l2) / pes, l2], self.widths),
            axes: axes.collect(),
        }
    }

    /// A published chip: [`CHIPS_L1`] per PE, and the rest of its bytes.
    pub fn chip(&self, flow: &Dataflow) -> Result<Design> {
        let Design { machine, axes } = self.design(&flow.accelerator()?);
        let l1 = CHIPS_L1[usize::from(flow.resources == "eyeriss")];
        let l2 = self.resources.onchip_bytes - l1 * machine.pes;
        let machine = Machine::new(machine.pes, [l1, l2], self.widths);
        Ok(Design { machine, axes })
    }

    fn totals(&self, layers: &[Figures]) -> Vec<Figures> {
        (0..self.networks.len()).map(|n| self.suite.total(n, layers)).collect()
    }

    /// The networks on a design, every layer of them mapped by `solve`, which is told its place; none if one has no mapping.
    fn solved(&self, d: &Design, solve: impl Fn(u64, Task<'_>) -> Option<Mapped> + Sync) -> Option<Vec<Figures>> {
        let one = |(i, shape): (usize, &Shape)| {
            let task = Task {
                shape,
                machine: &d.machine,
                positions: &positions(&d.axes, shape),
            };
            solve(i as u64, task).map(|mapped| mapped.0)
        };
        let layers: Vec<Option<Figures>> = self.shapes.par_iter().enumerate().map(one).collect();
        let layers: Option<Vec<Figures>> = layers.into_iter().collect();
        layers.map(|l| self.totals(&l))
    }

    /// The networks mapped as a dataflow dictates.
    pub fn dictated(&self, d: &Design, flow: &Dataflow) -> Option<Vec<Figures>> {
        self.solved(d, |_, task| task.dictated(flow))
    }

    /// The networks with searched mappings.
    pub fn mapped(&self, d: &Design, effort: Effort, seed: u64) -> Option<Vec<Figures>> {
        self.solved(d, |layer, task| {
            task.searched(effort, stream(seed, &[layer]).next_u64())
        })
    }

    /// The study's floor: multiplications on all PEs, and everything across the off-chip port once; inputs that a stride skips
    /// count, too.
    pub fn floor(&self) -> Vec<Figures> {
        let w = &self.widths;
        let layers = self.shapes.iter().map(|s| {
            let [weights, inputs, outputs] = [Operand::W, Operand::I, Operand::O].map(|o| s.words(o, &s.bounds));
            let compute = s.macs().div_ceil(self.resources.pes.into());
            let offchip = (weights + inputs).max(outputs).div_ceil(w.offchip);
            Figures {
                cycles: compute.max(offchip),
                energy_pj: crate::model::floor_energy(s.macs(), weights + inputs + outputs),
            }
        });
        self.totals(&layers.collect::<Vec<_>>())
    }
}

/// Positions side by side along every dimension, in each way that the axes allow: what a kernel leaves free of an axis over several
/// dimensions idles, or replicates over input channels or over output channels.
fn positions(axes: &Axes, shape: &Shape) -> Vec<PerDim<u64>> {
    let mut all = vec![PerDim::from_fn(|_| 1)];
    for (dims, size) in axes {
        let ways: Vec<Vec<(Dim, u64)>> = match dims.as_slice() {
            &[d] => vec![vec![(d, *size)]],
            dims => {
                let first = dims[0];
                let used = shape.bounds[first].min(*size);
                let with = |d: Dim| vec![(first, used), (d, size / used)];
                vec![vec![(first, *size)], with(Dim::C), with(Dim::K)]
            }
        };
        let combined = all.iter().flat_map(|p| {
            ways.iter().map(|way| {
                let mut p = *p;
                for &(d, n) in way {
                    p[d] *= n;
                }
                p
            })
        });
        all = combined.collect();
    }
    all
}

/// What the model sees of an accelerator.
#[derive(Clone, Debug)]
pub struct Design {
    pub machine: Machine,
    pub axes: Axes,
}

impl Design {
    /// What tells designs apart.
    fn key(&self) -> Key {
        (self.axes.clone(), [self.machine.l1, self.machine.l2])
    }

    /// Seed of its mappings.
    fn seed(&self, seed: u64) -> u64 {
        let mut path = vec![self.machine.l1, self.machine.l2];
        for (dims, size) in &self.axes {
            path.extend([dims[0].index() as u64, *size]);
        }
        stream(seed, &path).next_u64()
    }
}

/// Axes, bytes of L1 per PE and of L2.
type Key = (Axes, [u64; 2]);

/// What a search found.
pub struct Found {
    pub design: Design,
    /// Per network.
    pub figures: Vec<Figures>,
}

/// The outer search's problem.
struct CoDesign<'a> {
    setting: &'a Setting,
    space: &'a AcceleratorSpace,
    seed: u64,
    /// The designs that came up.
    known: BTreeSet<Key>,
}

impl Problem for CoDesign<'_> {
    type Design = Design;

    /// Accelerators that the model cannot tell from one before are drawn again.
    fn decode(&self, genes: &[f64]) -> std::result::Result<Design, Rejection> {
        let design = self.setting.design(&self.space.decode(genes)?);
        if self.known.contains(&design.key()) {
            let reason = "an accelerator like one before".into();
            return Err(Rejection { reason, excess: 1.0 });
        }
        Ok(design)
    }

    fn evaluate(&mut self, generation: &[Candidate<Design>]) -> Result<Vec<f64>> {
        self.known.extend(generation.iter().map(|c| c.value.key()));
        let value = |c: &Candidate<Design>| {
            let figures = self.setting.mapped(&c.value, QUICK, c.value.seed(self.seed));
            figures.map_or(f64::INFINITY, |f| self.setting.suite.score(Objective::Edp, &f))
        };
        Ok(generation.par_iter().map(value).collect())
    }
}

/// The full search within a setting.
pub fn search(setting: &Setting, seed: u64) -> Result<Found> {
    let space = AcceleratorSpace::new(setting.resources.clone());
    let method = method(Method::CmaEs, &space, seed);
    let starts = starts(&space, &setting.suite);
    let mut guided = Guided::new(method, &space, starts, Vec::new(), Box::new(|_| 0.0), seed);
    let mut problem = CoDesign {
        setting,
        space: &space,
        seed,
        known: BTreeSet::new(),
    };
    let ran = run(&mut problem, &mut guided, EVALUATIONS, Log::default(), &mut |_| {
        Ok(true)
    })?;
    let finalists = ran.log.ranked().into_iter().take(FINALISTS);
    let refined = finalists.filter_map(|point| {
        let design = setting.design(&space.decode(&point.genes).ok()?);
        let figures = setting.mapped(&design, THOROUGH, design.seed(seed))?;
        Some((setting.suite.score(Objective::Edp, &figures), Found { design, figures }))
    });
    let best = refined.min_by(|a, b| a.0.total_cmp(&b.0));
    best.map(|b| b.1)
        .ok_or_else(|| Diagnostic::new(Code::NoLegalMapping, "no accelerator runs every layer"))
}
