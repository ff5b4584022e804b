//! The exact mapper against trying every mapping, and its bounds against every family.

use super::*;
use crate::base::diag::Code;
use crate::base::rng::{Rng, stream};
use crate::cost::tech::Technology;
use crate::mapping::legality::violations;
use crate::mapping::plane;
use crate::mapping::random::{Limits as Sizes, Triple, random_triple};
use crate::mapping::schedule::Schedule;
use crate::search::dataflow::Dataflow;
use crate::search::encoding::mapping::MappingSpace;
use crate::search::problem::{CostModel as _, Figures};
use crate::workload::layer::{Conv, Kind, Shape};
use rand::RngExt as _;

/// The class that the orders of `m`, normalised, belong to.
fn reuse(m: &Mapping, bounds: &PerDim<u32>) -> Reuse {
    let outputs: Vec<Dim> = m.offchip.order[..3].to_vec();
    let several: Vec<Dim> = outputs.into_iter().filter(|&d| m.offchip.tile[d] < bounds[d]).collect();
    let offchip = match several[..] {
        [Dim::Y, Dim::K, Dim::X] => Offchip::WithinY,
        [Dim::X, Dim::K, Dim::Y] => Offchip::WithinX,
        [_, .., Dim::K] => Offchip::Inner,
        _ => Offchip::Outer,
    };
    Reuse {
        offchip,
        innermost: from_inside(m).next(),
        second: None,
    }
}

/// The level-2 loops of `m` that have several trips, the innermost first.
fn from_inside(m: &Mapping) -> impl Iterator<Item = Dim> {
    let several = |d: &Dim| m.l2.tile[*d] < m.offchip.tile[*d];
    m.l2.order.into_iter().rev().filter(several)
}

/// Additions have no families.
fn left_out(t: &Triple) -> bool {
    t.nest.kind == Kind::Add
}

/// Checks every family on a random way from everything down to the mapping of `t`; how tight the bounds of everything on the
/// energy-delay product and of the mapping alone on cycles and energy are, and by how much the highest chain of the mapping alone
/// is above its least counts.
fn check_families(t: &Triple, technology: &Technology, rng: &mut Rng) -> [f64; 4] {
    let s = t.schedule();
    let mut model = technology.on(&t.accelerator);
    let exact = model.exact(&s);
    let families = model.families(&s).unwrap();
    let mut reuse = reuse(&s.mapping, &t.nest.bounds);
    // As if the family had been split by its second loop, or not yet.
    reuse.second = from_inside(&s.mapping).nth(1).filter(|_| rng.random_bool(0.5));
    let mut tables = Tables::new(&families, &extents(&t.nest, &t.accelerator), u64::MAX, &mut 0).unwrap();
    let own = PerDim::from_fn(|d| (s.mapping.offchip.tile[d], s.mapping.l2.tile[d]));
    let mut lists = tables.all(&families, reuse);
    let mut whole = None;
    loop {
        let floor = tables
            .floor(&families, &lists)
            .unwrap_or_else(|| panic!("the mapping fits: {t:?}"));
        assert!(
            floor.cycles <= exact.cycles && floor.energy_pj <= exact.energy_pj,
            "{floor:?} of {reuse:?} above {exact:?}\n{t:?}"
        );
        for objective in [Objective::Edp, Objective::Latency, Objective::Energy] {
            let value = objective.of(&exact);
            let bound = tables.bound(&families, &lists, objective, rng.random_range(1..20));
            assert!(
                bound <= value,
                "{objective:?} {bound} of {reuse:?} above {value}\n{t:?}"
            );
            whole.get_or_insert(bound / value);
        }
        let Some((d, parts)) = Tables::part(&lists, rng) else {
            let (cycles, least) = (exact.cycles as f64, floor.cycles as f64);
            let chains = tables.chains(&families, &lists);
            assert_below(&chains, cycles, &s.mapping);
            let highest = chains.into_iter().fold(least, f64::max);
            let tight = [least / cycles, floor.energy_pj / exact.energy_pj];
            return [whole.unwrap(), tight[0], tight[1], highest / least];
        };
        let part = parts.into_iter().find(|p| tables.holds(d, p, own[d]));
        lists = lists.with(d, part.expect("one of both parts holds what the list holds"));
    }
}

#[test]
fn no_mapping_undercuts_the_families_that_hold_it() {
    let technology = Technology::named("45nm").unwrap();
    let sizes = [
        Sizes::default(),
        Sizes {
            passes: 1 << 16,
            macs: 1 << 24,
            channels: 80,
            side: 30,
            ..Sizes::default()
        },
    ];
    let (mut sum, mut n, mut higher) = ([0.0; 4], 0.0, 0);
    for (which, sizes) in sizes.iter().enumerate() {
        for i in 0..1500 {
            let mut rng = stream(21, &[which as u64, i]);
            let t = random_triple(&mut rng, sizes);
            if left_out(&t) {
                continue;
            }
            let tightness = check_families(&t, &technology, &mut rng);
            (sum, n) = (std::array::from_fn(|i| sum[i] + tightness[i]), n + 1.0);
            higher += u32::from(tightness[3] > 1.01);
        }
    }
    // A bound far below everything would hold as well, and prove nothing.
    assert!(
        sum[0] / n > 0.3 && sum[1] / n > 0.85 && sum[2] / n > 0.85 && higher > 5,
        "{sum:?} of {n}, {higher} higher by chains over phases"
    );
}

/// Random tiles and orders, tiles rather large.
fn large_tiles(nest: &LoopNest, a: &Accelerator, rng: &mut Rng) -> Mapping {
    let mut m = MappingSpace::new(nest, a).smallest();
    for (d, all) in Dim::ALL.into_iter().zip(extents(nest, a).0) {
        let l2 = rng.random_range(all.len() / 3..all.len());
        (m.offchip.tile[d], m.l2.tile[d]) = (all[l2], all[rng.random_range(l2 / 3..=l2)]);
        for order in [&mut m.offchip.order, &mut m.l2.order] {
            order.swap(d.index(), rng.random_range(0..=d.index()));
        }
    }
    m
}

/// The family of `m` alone, as if split by its second loop, or not yet.
fn family_of(m: &Mapping, nest: &LoopNest, families: &Families, tables: &mut Tables, rng: &mut Rng) -> Lists {
    let mut reuse = reuse(m, &nest.bounds);
    reuse.second = from_inside(m).nth(1).filter(|_| rng.random_bool(0.5));
    let cuts = PerDim::from_fn(|d| (m.offchip.tile[d], m.l2.tile[d]));
    let all = tables.all(families, reuse);
    tables.alone(all, &cuts).expect("every cut is in the tables")
}

/// No chain of a family of one mapping takes more than its cycles, but for the rounding of its logarithms.
fn assert_below(chains: &[f64], cycles: f64, m: &Mapping) {
    assert!(
        chains.iter().all(|c| *c <= cycles * (1.0 + 1e-9)),
        "{chains:?} above {cycles}: {m}"
    );
}

/// Chains over phases bound most where the array is fast, memories have two slots and level-2 tiles are few.
#[test]
fn chains_over_phases_hold_where_tiles_are_few() {
    let technology = Technology::named("45nm").unwrap();
    let a = Dataflow::named("edgetpu").unwrap().accelerator().unwrap();
    let mut model = technology.on(&a);
    let (mut higher, mut tight, mut n) = (0, 0, 0);
    for (i, (stride, side)) in [(2, 33), (1, 20)].into_iter().enumerate() {
        let shape = Shape::Conv(Conv {
            N: 1,
            K: 128,
            C: 128,
            H: side,
            W: side,
            R: 3,
            S: 3,
            stride: [stride; 2],
            pad: [1; 4],
            dilation: [1, 1],
            groups: 1,
            transposed: false,
        });
        let nest = shape.nest().unwrap();
        let smallest = MappingSpace::new(&nest, &a).smallest();
        let families = model.families(&Schedule::new(&nest, &a, &smallest)).unwrap();
        let mut tables = Tables::new(&families, &extents(&nest, &a), u64::MAX, &mut 0).unwrap();
        for j in 0..20_000 {
            let mut rng = stream(23, &[i as u64, j]);
            let m = large_tiles(&nest, &a, &mut rng).normalised(&nest);
            if !violations(&nest, &a, &m).is_empty() {
                continue;
            }
            let alone = family_of(&m, &nest, &families, &mut tables, &mut rng);
            let cycles = model.exact(&Schedule::new(&nest, &a, &m)).cycles as f64;
            let floor = tables.floor(&families, &alone).unwrap().cycles as f64;
            let chains = tables.chains(&families, &alone);
            assert_below(&chains, cycles, &m);
            let highest = chains.into_iter().fold(floor, f64::max);
            n += 1;
            higher += u32::from(highest > 1.02 * floor);
            tight += u32::from(highest > 1.02 * floor && highest > 0.97 * cycles);
        }
    }
    assert!(
        higher > 100 && tight > 10,
        "{n} mappings, {higher} higher by chains over phases, {tight} of these tight"
    );
}

/// Tiles of one or two dimensions drawn anew, at times orders too.
fn nearby(m: &Mapping, all: &PerDim<Vec<u32>>, rng: &mut Rng) -> Mapping {
    let mut new = *m;
    for _ in 0..rng.random_range(1..=2) {
        let d = Dim::ALL[rng.random_range(0..6)];
        let l2 = match all[d].iter().position(|e| *e == m.offchip.tile[d]) {
            Some(l2) if rng.random_bool(0.5) => l2,
            _ => rng.random_range(0..all[d].len()),
        };
        (new.offchip.tile[d], new.l2.tile[d]) = (all[d][l2], all[d][rng.random_range(0..=l2)]);
    }
    for order in [&mut new.offchip.order, &mut new.l2.order] {
        if rng.random_bool(0.2) {
            order.swap(rng.random_range(0..6), rng.random_range(0..6));
        }
    }
    new
}

/// Random mappings seldom come near a chain. Here mappings are sought that do: each climb lifts one chain, as a share of the exact
/// cycles, as far as it gets, and no chain may get above them.
#[test]
fn no_climb_lifts_a_chain_above_the_cycles() {
    climbs(600, 250);
}

#[test]
#[ignore = "long: a million mappings"]
fn no_long_climb_lifts_a_chain_above_the_cycles() {
    climbs(2000, 500);
}

fn climbs(climbs: u64, steps: u32) {
    let technology = Technology::named("45nm").unwrap();
    let sizes = Sizes {
        passes: 1 << 16,
        macs: 1 << 24,
        channels: 80,
        side: 30,
        ..Sizes::default()
    };
    let mut near = [0; 6];
    for i in 0..climbs {
        let mut rng = stream(29, &[i]);
        let t = random_triple(&mut rng, &sizes);
        if left_out(&t) {
            continue;
        }
        let (nest, a) = (&t.nest, &t.accelerator);
        let mut model = technology.on(a);
        let families = model.families(&t.schedule()).unwrap();
        let all = extents(nest, a);
        let mut tables = Tables::new(&families, &all, u64::MAX, &mut 0).unwrap();
        // Chains over phases come last.
        let lifted = rng.random_range(1..=near.len());
        let (mut m, mut share) = (t.mapping.normalised(nest), 0.0);
        for _ in 0..steps {
            let new = nearby(&m, &all, &mut rng).normalised(nest);
            if !violations(nest, a, &new).is_empty() {
                continue;
            }
            let alone = family_of(&new, nest, &families, &mut tables, &mut rng);
            let cycles = model.exact(&Schedule::new(nest, a, &new)).cycles as f64;
            let chains = tables.chains(&families, &alone);
            assert_below(&chains, cycles, &new);
            let new_share = chains[chains.len() - lifted] / cycles;
            if new_share >= share {
                (m, share) = (new, new_share);
            }
        }
        near[lifted - 1] += u32::from(share > 0.97);
    }
    // A climb that comes near no chain would hold as well, and prove nothing.
    assert!(near.iter().all(|n| *n > 0), "{near:?} climbs near their chain");
}

/// Every order of `several`, the other dimensions behind.
fn permutations(several: &[Dim]) -> Vec<Vec<Dim>> {
    if several.is_empty() {
        return vec![Dim::ALL.to_vec()];
    }
    let mut all = Vec::new();
    for (i, &d) in several.iter().enumerate() {
        let mut rest = several.to_vec();
        rest.remove(i);
        for mut order in permutations(&rest) {
            order.retain(|&o| o != d);
            order.insert(0, d);
            all.push(order);
        }
    }
    all
}

/// Calls `f` for every pair of tiles of the layer, legal or not.
fn each_tiles(bounds: &PerDim<u32>, d: usize, m: &mut Mapping, f: &mut dyn FnMut(&Mapping)) {
    let Some(&dim) = Dim::ALL.get(d) else { return f(m) };
    for l2 in 1..=bounds[dim] {
        for tile in 1..=l2 {
            m.offchip.tile[dim] = l2;
            m.l2.tile[dim] = tile;
            each_tiles(bounds, d + 1, m, f);
        }
    }
}

/// Every way to give positions of axes to dimensions, legal or not.
fn splits(a: &Accelerator) -> Vec<PerDim<u32>> {
    let mut all = vec![PerDim([1; 6])];
    for axis in a.axes.iter().filter(|axis| axis.dims.len() > 1) {
        for &d in &axis.dims {
            let with = |split: &PerDim<u32>| {
                let split = *split;
                let given = move |n| PerDim::from_fn(|o| if o == d { n } else { split[o] });
                (1..=axis.size).map(given).collect::<Vec<_>>()
            };
            all = all.iter().flat_map(with).collect();
        }
    }
    all
}

/// The least objective over every legal mapping, and how many there are; orders of loops of one trip left out.
fn exhaustive(t: &Triple, model: &mut dyn LayerModel, objective: Objective) -> (f64, u64) {
    let bounds = &t.nest.bounds;
    let (mut least, mut count) = (f64::INFINITY, 0);
    let start = MappingSpace::new(&t.nest, &t.accelerator).smallest();
    let mut evaluate = |m: &Mapping| {
        let outer: Vec<Dim> = Dim::ALL
            .into_iter()
            .filter(|&d| m.offchip.tile[d] < bounds[d])
            .collect();
        let inner: Vec<Dim> = Dim::ALL
            .into_iter()
            .filter(|&d| m.l2.tile[d] < m.offchip.tile[d])
            .collect();
        for offchip in permutations(&outer) {
            // Off chip, reductions are innermost whatever is asked for.
            if !offchip[..outer.len()].is_sorted_by_key(|d| Dim::REDUCTION.contains(d)) {
                continue;
            }
            for l2 in permutations(&inner) {
                let mut m = *m;
                m.offchip.order.copy_from_slice(&offchip);
                m.l2.order.copy_from_slice(&l2);
                if !violations(&t.nest, &t.accelerator, &m).is_empty() {
                    continue;
                }
                count += 1;
                let s = Schedule::new(&t.nest, &t.accelerator, &m);
                // Bounds are proven elsewhere; without them the test takes minutes.
                if objective.of(&model.bound(&s)) < least {
                    least = least.min(objective.of(&model.exact(&s)));
                }
            }
        }
    };
    for split in splits(&t.accelerator) {
        each_tiles(bounds, 0, &mut Mapping { split, ..start }, &mut evaluate);
    }
    (least, count)
}

#[test]
fn the_optimum_is_that_of_all_mappings() {
    let technology = Technology::named("45nm").unwrap();
    let sizes = Sizes {
        passes: u64::MAX,
        macs: 3000,
        channels: 8,
        side: 7,
        ..Sizes::default()
    };
    let (mut total, mut layers, mut depthwise, mut several, mut finished, mut i) = (0, 0, 0, 0, 0, 0);
    while layers < 24 {
        i += 1;
        let mut t = random_triple(&mut stream(22, &[i]), &sizes);
        if i % 2 == 0 {
            // Random memories barely hold the triple's own tiles.
            let (b, l2) = (&mut t.accelerator.buffers, &mut t.accelerator.l2);
            for m in [&mut b.W, &mut b.I, &mut l2.W, &mut l2.I, &mut l2.O, &mut l2.P] {
                m.bytes *= 8;
            }
            b.psum.words *= 8;
            t.accelerator.validate().unwrap();
        }
        let pairs: u64 = t.nest.bounds.0.iter().map(|&b| u64::from(b * (b + 1) / 2)).product();
        if !(400..12_000).contains(&pairs) || left_out(&t) {
            continue;
        }
        layers += 1;
        depthwise += u32::from(t.nest.depthwise());
        several += u32::from(t.accelerator.axes.iter().any(|axis| axis.dims.len() > 1));
        finished += u32::from(!t.accelerator.l2.sums);
        let mut model = technology.on(&t.accelerator);
        for objective in [Objective::Edp, Objective::Latency, Objective::Energy] {
            let (least, count) = exhaustive(&t, &mut *model, objective);
            let mapping = MappingSpace::new(&t.nest, &t.accelerator).smallest();
            let figures = model.exact(&Schedule::new(&t.nest, &t.accelerator, &mapping));
            let start = Choice { mapping, figures };
            for steps in [u64::MAX, 300] {
                let limits = Limits { steps, gap: 0.0 };
                let none = &Interrupt::default();
                let proven = prove(&t.nest, &t.accelerator, &mut *model, objective, limits, start, none).unwrap();
                let (best, proof) = (proven.best, proven.proof.unwrap());
                assert_eq!(proven.better.last().copied().unwrap_or(start), best);
                assert!(violations(&t.nest, &t.accelerator, &best.mapping).is_empty());
                let value = objective.of(&best.figures);
                assert!(
                    proof.bound <= least && least <= value,
                    "{i}: {proof:?} {least} {value} {t:?}"
                );
                if steps == u64::MAX {
                    assert!(
                        proof.optimal && proof.gap == 0.0 && value == least,
                        "{i}: {proof:?} {least}"
                    );
                }
            }
            total += count;
        }
    }
    assert!(
        total > 15_000 && depthwise > 2 && several > 2 && finished > 2,
        "{total} mappings, {depthwise} depthwise layers, {several} arrays with an axis over several dimensions, {finished} \
         without sums in level 2"
    );
}

/// A model during whose first exact evaluation somebody asks to stop.
struct Stopping<'a> {
    inner: Box<dyn LayerModel + 'a>,
    interrupt: Interrupt,
    after: u64,
}

impl LayerModel for Stopping<'_> {
    fn exact(&mut self, schedule: &Schedule) -> Figures {
        self.interrupt.raise();
        self.inner.exact(schedule)
    }

    fn bound(&mut self, schedule: &Schedule) -> Figures {
        self.after += u64::from(self.interrupt.is_raised());
        self.inner.bound(schedule)
    }

    fn families(&self, schedule: &Schedule) -> Option<Families> {
        self.inner.families(schedule)
    }
}

#[test]
fn an_interrupt_ends_it_without_a_result() {
    let technology = Technology::named("45nm").unwrap();
    let t = triple();
    let mapping = MappingSpace::new(&t.nest, &t.accelerator).smallest();
    let figures = technology
        .on(&t.accelerator)
        .exact(&Schedule::new(&t.nest, &t.accelerator, &mapping));
    let start = Choice { mapping, figures };
    let limits = Limits::default();
    let run = |model: &mut dyn LayerModel, interrupt: &Interrupt| {
        prove(&t.nest, &t.accelerator, model, Objective::Edp, limits, start, interrupt)
    };
    let interrupt = Interrupt::default();
    let mut model = Stopping {
        inner: technology.on(&t.accelerator),
        interrupt: interrupt.clone(),
        after: 0,
    };
    assert_eq!(run(&mut model, &interrupt).unwrap_err().code, Code::Interrupted);
    // What was begun is a family at most: it bounds all orders before it evaluates one.
    assert!(interrupt.is_raised() && model.after == 0, "{}", model.after);
    // Raised before, it does not even begin.
    assert_eq!(run(&mut model, &interrupt).unwrap_err().code, Code::Interrupted);
    // The same flag, never raised: the result that there is without anybody to ask.
    let mut model = technology.on(&t.accelerator);
    assert!(run(&mut *model, &Interrupt::default()).unwrap().proof.unwrap().optimal);
}

/// Listing the tiles of 12,544 positions once took minutes that no limit ended.
#[test]
fn limits_hold_however_long_a_side_is() {
    let technology = Technology::named("45nm").unwrap();
    let shape = Shape::Conv(Conv {
        N: 1,
        K: 16,
        C: 32,
        H: 112,
        W: 112,
        R: 1,
        S: 1,
        stride: [1, 1],
        pad: [0; 4],
        dilation: [1, 1],
        groups: 1,
        transposed: false,
    });
    for chip in ["shidiannao", "edgetpu"] {
        let a = Dataflow::named(chip).unwrap().accelerator().unwrap();
        let mut nest = plane::on(&shape.nest().unwrap(), &a);
        (nest.bounds[Dim::Y], nest.bounds[Dim::X]) = (1, 112 * 112);
        let mapping = MappingSpace::new(&nest, &a).smallest();
        let mut model = technology.on(&a);
        let figures = model.exact(&Schedule::new(&nest, &a, &mapping));
        let start = Choice { mapping, figures };
        for steps in [1000, 100_000] {
            let limits = Limits { steps, gap: 0.0 };
            let none = &Interrupt::default();
            let proven = prove(&nest, &a, &mut *model, Objective::Edp, limits, start, none).unwrap();
            let proof = proven.proof.unwrap();
            assert!(proof.bound > 0.0 && proof.steps <= 2 * steps, "{chip}: {proof:?}");
        }
    }
}

#[test]
fn every_order_is_in_one_class_and_classes_miss_none() {
    let bounds = PerDim([4, 4, 4, 4, 2, 2]);
    for (outer, inner) in [
        ([2, 2, 2, 2, 1, 2], [1, 2, 1, 1, 1, 2]),
        ([4, 2, 2, 4, 2, 1], [2, 1, 2, 2, 2, 1]),
    ] {
        let level = |tile| Level {
            tile: PerDim(tile),
            order: Dim::ALL,
        };
        let base = Mapping {
            offchip: level(outer),
            l2: level(inner),
            ..MappingSpace::new(&nest(), &any()).smallest()
        };
        let mut all = Vec::new();
        for offchip in Offchip::ALL {
            for innermost in Dim::ALL.into_iter().map(Some).chain([None]) {
                let class = Reuse {
                    offchip,
                    innermost,
                    second: None,
                };
                let orders = orders::mappings(&base, &bounds, class);
                let alone = orders.iter().filter(|m| from_inside(m).nth(1).is_none()).count();
                let with = |d: Dim| Reuse {
                    second: Some(d),
                    ..class
                };
                let parts = Dim::ALL.map(|d| orders::mappings(&base, &bounds, with(d)));
                assert!(parts.iter().flatten().all(|m| orders.contains(m)));
                assert_eq!(parts.iter().map(Vec::len).sum::<usize>() + alone, orders.len());
                for m in orders {
                    assert_eq!(
                        (reuse(&m, &bounds), m.normalised(&LoopNest { bounds, ..nest() })),
                        (class, m)
                    );
                    assert!(!all.contains(&m));
                    all.push(m);
                }
            }
        }
        let trips = |d: &&Dim, t: [u32; 6], b: [u32; 6]| t[d.index()] < b[d.index()];
        let factorial = |n: usize| (1..=n).product::<usize>();
        let count = |dims: &[Dim], t, b| factorial(dims.iter().filter(|d| trips(d, t, b)).count());
        let expected = count(&[Dim::K, Dim::Y, Dim::X], outer, bounds.0)
            * count(&Dim::REDUCTION, outer, bounds.0)
            * count(&Dim::ALL, inner, outer);
        assert_eq!(all.len(), expected);
    }
}

fn triple() -> Triple {
    random_triple(&mut stream(1, &[]), &Sizes::default())
}

fn nest() -> LoopNest {
    triple().nest
}

fn any() -> Accelerator {
    triple().accelerator
}
