//! The closed forms and the jumps against a plain walk of all tiles; sizes and growth against trying all; the document's table
//! against the model.

use crate::FORMS;
use crate::codesign::Setting;
use crate::mapper::{Effort, Task, sizes};
use crate::model::{Machine, Widths};
use crate::tiling::{Operand, Shape, Tally, Tiling};
use naas::base::dims::{Dim, PerDim};
use naas::base::rng::{Rng, stream};
use naas::report::reproduction::ratios;
use naas::search::dataflow::Dataflow;
use naas::search::problem::Figures;
use naas::search::reproduction::over_chips;
use naas::workload::layer::{Conv, Layer, Shape as LayerShape};
use rand::RngExt as _;
use rand::seq::SliceRandom as _;

/// A layer of at most a few hundred multiplications.
fn shape(rng: &mut Rng) -> Shape {
    let depthwise = rng.random_bool(0.3);
    let [k, c, h, w] = [6, 4, 9, 9].map(|most| rng.random_range(1..=most));
    let [r, s] = [h, w].map(|side: u32| rng.random_range(1..=side.min(3)));
    let stride = [0, 1].map(|_| rng.random_range(1..=2));
    let conv = Conv {
        N: 1,
        K: if depthwise { c } else { k },
        C: c,
        H: h,
        W: w,
        R: r,
        S: s,
        stride,
        pad: [r / 2, s / 2, r / 2, s / 2],
        dilation: [1, 1],
        groups: if depthwise { c } else { 1 },
        transposed: false,
    };
    let layer = Layer {
        name: "a".into(),
        shape: LayerShape::Conv(conv),
    };
    Shape::of(&layer.nest().unwrap())
}

fn tiling(shape: &Shape, rng: &mut Rng) -> Tiling {
    let outer = PerDim::from_fn(|d| rng.random_range(1..=shape.bounds[d]));
    let inner = PerDim::from_fn(|d| rng.random_range(1..=outer[d]));
    let positions = PerDim::from_fn(|_| rng.random_range(1..=3));
    let mut orders = [Dim::ALL; 2];
    for order in &mut orders {
        order.shuffle(rng);
    }
    Tiling {
        positions,
        tiles: [outer, inner],
        orders,
    }
}

fn machine(rng: &mut Rng) -> Machine {
    let widths = Widths {
        network: rng.random_range(1..=4),
        drain: rng.random_range(1..=4),
        offchip: rng.random_range(1..=4),
        latency: rng.random_range(0..=20),
    };
    let sizes = [rng.random_range(8..=200), rng.random_range(64..=4000)];
    Machine::new(8, sizes, widths)
}

/// The tiles of `extent` in the order of the loops: where each one begins, and its extent.
fn tiles(order: [Dim; 6], extent: &PerDim<u64>, tile: &PerDim<u64>) -> Vec<[PerDim<u64>; 2]> {
    let mut all = vec![[PerDim::from_fn(|_| 0), *extent]];
    for d in order {
        let inside = |t: &[PerDim<u64>; 2]| {
            let [mut begin, mut size] = *t;
            let starts = (0..extent[d]).step_by(usize::try_from(tile[d]).unwrap());
            let all = starts.map(|at| {
                begin[d] = at;
                size[d] = tile[d].min(extent[d] - at);
                [begin, size]
            });
            all.collect::<Vec<_>>()
        };
        all = all.iter().flat_map(inside).collect();
    }
    all
}

/// Ends of one engine's jobs.
#[derive(Default)]
struct Ends(Vec<u64>);

impl Ends {
    fn last(&self) -> u64 {
        self.0.last().copied().unwrap_or(0)
    }

    /// The end of the job `back` before the next one.
    fn before(&self, back: usize) -> u64 {
        self.0.len().checked_sub(back).map_or(0, |i| self.0[i])
    }

    fn push(&mut self, waits: &[u64], takes: u64) -> u64 {
        let start = waits.iter().copied().fold(self.last(), u64::max);
        self.0.push(start + takes);
        start + takes
    }
}

/// Everything done one by one, with the end of every job kept.
fn walk(m: &Machine, shape: &Shape, t: &Tiling) -> (u64, Tally) {
    let part = |o: Operand, p: &PerDim<u64>| PerDim::from_fn(|d| if shape.dims(o).contains(d) { p[d] } else { 0 });
    let w = m.widths;
    let mut count = Tally::default();
    let (mut read, mut array, mut drain, mut write) = <(Ends, Ends, Ends, Ends)>::default();
    let mut loaders = <[Ends; 2]>::default();
    // Last uses: of every tile of L2 by its loader, of every tile of L1 by the array. When the newest tile is there.
    let (mut l2_used, mut l1_used, mut ready) = ([const { Vec::new() }; 2], [const { Vec::new() }; 2], [0; 2]);
    let mut passes = Vec::new();
    for outer in tiles(t.orders[0], &shape.bounds, &t.tiles[0]) {
        for inner in tiles(t.orders[1], &outer[1], &t.tiles[1]) {
            passes.push((outer, inner));
        }
    }
    let at = |i: usize, o: Operand| {
        passes
            .get(i)
            .map(|(outer, inner)| (part(o, &outer[0]), part(o, &inner[0])))
    };
    let operands = [Operand::W, Operand::I];
    for (i, (outer, inner)) in passes.iter().enumerate() {
        let changed = |o: Operand, other: Option<usize>| {
            let other = other.and_then(|j| at(j, o));
            [other.map(|p| p.0) != at(i, o).map(|p| p.0), other != at(i, o)]
        };
        let mut waits = Vec::new();
        for (n, &o) in operands.iter().enumerate() {
            let [l2, l1] = changed(o, i.checked_sub(1));
            if l2 {
                count.l2[n] += shape.words(o, &outer[1]);
                // The place of the tile two before.
                let place = l2_used[n].len().checked_sub(2).map_or(0, |j: usize| l2_used[n][j]);
                ready[n] = w.latency + read.push(&[place], shape.words(o, &outer[1]).div_ceil(w.offchip));
                l2_used[n].push(0);
            }
            if l1 {
                count.l1[n] += shape.words(o, &inner[1]);
                let place = l1_used[n].len().checked_sub(2).map_or(0, |j: usize| l1_used[n][j]);
                let end = loaders[n].push(&[place, ready[n]], shape.words(o, &inner[1]).div_ceil(w.network));
                *l2_used[n].last_mut().unwrap() = end;
                l1_used[n].push(0);
            }
            waits.push(loaders[n].last());
        }
        let [_, opens] = changed(Operand::O, i.checked_sub(1));
        if opens {
            waits.push(drain.before(2));
        }
        let steps: u64 = Dim::ALL.iter().map(|&d| inner[1][d].div_ceil(t.positions[d])).product();
        count.passes += 1;
        count.steps += steps;
        let end = array.push(&waits, steps + 1);
        for used in &mut l1_used {
            *used.last_mut().unwrap() = end;
        }
        let [leaves, closes] = changed(Operand::O, Some(i + 1));
        if closes {
            count.l1[2] += shape.words(Operand::O, &inner[1]);
            // Writes of the tiles before the last one are done.
            drain.push(
                &[end, write.before(2)],
                shape.words(Operand::O, &inner[1]).div_ceil(w.drain),
            );
        }
        if leaves {
            count.l2[2] += shape.words(Operand::O, &outer[1]);
            write.push(&[drain.last()], shape.words(Operand::O, &outer[1]).div_ceil(w.offchip));
        }
    }
    (write.last().max(array.last()), count)
}

#[test]
fn closed_forms_and_jumps_agree_with_a_walk() {
    for i in 0..2000 {
        let mut rng = stream(1, &[i]);
        let shape = shape(&mut rng);
        let (t, m) = (tiling(&shape, &mut rng), machine(&mut rng));
        let (cycles, count) = walk(&m, &shape, &t);
        assert_eq!(Tally::of(&shape, &t), count, "case {i}: {shape:?} {t:?}");
        let (bound, figures) = (m.bound(&shape, &t), m.figures(&shape, &t));
        assert_eq!(figures.cycles, cycles, "case {i}: {shape:?} {t:?} {m:?}");
        assert!(
            bound.cycles <= cycles && bound.energy_pj <= figures.energy_pj,
            "case {i}"
        );
    }
}

/// Mappings that fit move weights at least once and outputs once. Of inputs less may do: tiles skip rows that a strided layer as a
/// whole is charged for.
#[test]
fn what_fits_is_not_below_the_floor() {
    let mut fitting = 0;
    for i in 0..4000 {
        let mut rng = stream(2, &[i]);
        let shape = shape(&mut rng);
        let (t, m) = (tiling(&shape, &mut rng), machine(&mut rng));
        if m.fits(&shape, &t) {
            fitting += 1;
            let moved = Tally::of(&shape, &t).l2;
            let [weights, outputs] = [Operand::W, Operand::O].map(|o| shape.words(o, &shape.bounds));
            assert!(moved[0] >= weights && moved[2] == outputs, "case {i}");
            let floor = crate::model::floor_energy(shape.macs(), weights + outputs);
            assert!(m.figures(&shape, &t).energy_pj > floor, "case {i}");
        }
    }
    assert!(fitting > 400, "{fitting}");
}

#[test]
fn sizes_are_those_of_equal_tiles() {
    for extent in 1..200u64 {
        let mut all: Vec<u64> = (1..=extent).map(|tiles| extent.div_ceil(tiles)).collect();
        all.dedup();
        assert_eq!(sizes(extent), all);
    }
}

/// A tiny layer, all of whose tilings are tried.
#[test]
fn the_search_finds_the_best_of_small_layers() {
    for seed in 0..4 {
        let mut rng = stream(3, &[seed]);
        let mut m = machine(&mut rng);
        let shape = loop {
            let s = shape(&mut rng);
            m = Machine::new(m.pes, [24, 200], m.widths);
            if s.bounds.0.iter().filter(|&&b| b > 1).count() == 3 && s.macs() < 200 {
                break s;
            }
        };
        let positions = [PerDim::from_fn(|d| if d == Dim::K { 2 } else { 1 })];
        let task = Task {
            shape: &shape,
            machine: &m,
            positions: &positions,
        };
        let effort = Effort {
            drawn: 500,
            improved: 20,
        };
        let found = task.searched(effort, seed).unwrap().0.edp();
        assert_eq!(found, exhaustive(&task).edp(), "seed {seed}: {shape:?} {m:?}");
    }
}

/// The best of all equal tiles and of all orders.
fn exhaustive(task: &Task<'_>) -> Figures {
    let shape = task.shape;
    let free: Vec<Dim> = Dim::ALL.into_iter().filter(|&d| shape.bounds[d] > 1).collect();
    let mut orders = Vec::new();
    for a in 0..3 {
        for b in (0..3).filter(|&b| b != a) {
            let chosen = [free[a], free[b], free[3 - a - b]];
            let mut order: Vec<Dim> = Dim::ALL.into_iter().filter(|d| !free.contains(d)).collect();
            order.extend(chosen);
            orders.push(<[Dim; 6]>::try_from(order).unwrap());
        }
    }
    let mut tiles = vec![[PerDim::from_fn(|_| 1); 2]];
    for &d in &free {
        let with = |t: &[PerDim<u64>; 2]| {
            let mut all = Vec::new();
            for outer in sizes(shape.bounds[d]) {
                for inner in sizes(outer) {
                    let mut t = *t;
                    (t[0][d], t[1][d]) = (outer, inner);
                    all.push(t);
                }
            }
            all
        };
        tiles = tiles.iter().flat_map(with).collect();
    }
    let all = tiles.iter().flat_map(|&tiles| {
        let pairs = orders.iter().flat_map(|&a| orders.iter().map(move |&b| [a, b]));
        pairs.map(move |orders| (tiles, orders))
    });
    let all = all.map(|(tiles, orders)| Tiling {
        positions: task.positions[0],
        tiles,
        orders,
    });
    let fitting = all.filter(|t| task.machine.fits(shape, t));
    let figures = fitting.map(|t| task.machine.figures(shape, &t));
    figures.min_by(|a, b| a.edp().total_cmp(&b.edp())).unwrap()
}

/// The document's rows hold the fixed baselines of the model as it is.
#[test]
fn the_document_has_the_fixed_baselines() {
    let document = include_str!("../../docs/reproduction.md");
    let form = FORMS[0];
    for (claim, resources, networks) in over_chips() {
        let setting = Setting::new(resources, networks, form).unwrap();
        let flow = Dataflow::named(resources).unwrap();
        let fixed = setting.dictated(&setting.chip(flow).unwrap(), flow).unwrap();
        let [cycles, energy, _] = ratios(&fixed, &setting.floor());
        let begins = format!("| {claim} | {form} | {resources} | ");
        let ours = format!(" | {cycles:.2} / {energy:.2} | ");
        let row = document.lines().find(|l| l.starts_with(&begins) && l.contains(&ours));
        assert!(
            row.is_some(),
            "run `cargo run --release --example study`: {begins}..{ours}"
        );
    }
}
