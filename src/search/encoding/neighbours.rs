//! Accelerators one step away from another one: an axis longer or shorter, over another dimension, one more or one less; a
//! memory larger or smaller, of one slot or of two; other lanes; or another array altogether. Whatever the step, the lanes fit
//! the axes, words fill their memories, and level 2 takes what the buffers leave, so that a step is a design and seldom a
//! rejection.
//!
//! Genes say little of this: one gene scales all buffers, and level 2 is split evenly. A step changes one memory alone, and the
//! sizes of buffers only where a new array has more of them or fewer.

use crate::arch::accelerator::{AXIS_COUNTS, Accelerator, Axis, MAX_AXIS, Memory, PARAM_BYTES};
use crate::arch::connectivity::{SHARED, class};
use crate::arch::geometry::Geometry;
use crate::base::dims::Dim;
use crate::base::rng::Rng;
use crate::search::encoding::accelerator::{AcceleratorSpace, Sharing, largest_lanes};
use rand::RngExt as _;

/// Factors of memories and axes.
const FACTORS: [f64; 6] = [0.5, 2.0, 0.75, 1.5, 0.875, 1.25];

/// Factors of a buffer that leaps: from some sizes to others no path of small steps leads through designs as good.
const LEAPS: [f64; 6] = [0.125, 0.25, 0.333, 3.0, 4.0, 8.0];

/// Steps are made of as many changes at most.
const CHANGES: u32 = 3;

/// How often lanes that were narrower than the axes allow stay so where axes change.
const KEEP_LANES: f64 = 0.8;

/// Share of the on-chip bytes that buffers may take.
const MOST_L1: f64 = 0.9;

/// A random neighbour of `a`, within what `space` lets change; it may still break a rule of the hardware.
#[must_use]
pub fn neighbour(space: &AcceleratorSpace, a: &Accelerator, rng: &mut Rng) -> Accelerator {
    let mut new = a.clone();
    for _ in 0..CHANGES {
        let before = new.clone();
        change(space, &mut new, rng);
        if new.axes != before.axes {
            refit(space, &before, &mut new, rng.random_bool(KEEP_LANES));
        }
        if rng.random_bool(0.6) {
            break;
        }
    }
    // Where the array changed, buffers are more or fewer: as many bytes in each, or as many in all.
    if rng.random_bool(0.5) {
        keep_bytes(a, &mut new);
    }
    settle(space, &mut new, rng.random_bool(0.75));
    new
}

/// `a` with another array; mostly with as many bytes in the buffers of each operand.
#[must_use]
pub fn transplant(space: &AcceleratorSpace, a: &Accelerator, array: &[Axis], rng: &mut Rng) -> Accelerator {
    let mut new = a.clone();
    new.axes = array.to_vec();
    refit(space, a, &mut new, rng.random_bool(0.3));
    if rng.random_bool(0.7) {
        keep_bytes(a, &mut new);
    }
    settle(space, &mut new, true);
    new
}

/// Lanes for the new axes of `new`: as many as fit, but as few as `old` has where those are fewer than fit and are to stay.
fn refit(space: &AcceleratorSpace, old: &Accelerator, new: &mut Accelerator, keep: bool) {
    space.set_lanes(new, 1.0);
    if !keep {
        return;
    }
    let mut full = old.clone();
    space.set_lanes(&mut full, 1.0);
    let (k, c) = (new.parallel(Dim::K), new.parallel(Dim::C));
    let fit = |new: &mut u32, old: u32, full: u32, axes: &[u32]| {
        if old < full {
            *new = largest_lanes(old.min(*new), axes);
        }
    };
    fit(&mut new.lanes.W, old.lanes.W, full.lanes.W, &[k]);
    fit(&mut new.lanes.I, old.lanes.I, full.lanes.I, &[k, c]);
    fit(&mut new.lanes.drain, old.lanes.drain, full.lanes.drain, &[k]);
    let fewer = old.requantizers < full.requantizers;
    let most = if fewer { old.requantizers } else { new.lanes.drain };
    new.requantizers = most.min(new.lanes.drain);
}

/// Gives the buffers of an operand of `new` together what those of `old` would hold, at their sizes in `new`.
pub(in crate::search) fn keep_bytes(old: &Accelerator, new: &mut Accelerator) {
    let (before, after) = (Geometry::of(old), Geometry::of(new));
    let by = |before: u32, after: u32| f64::from(before) / f64::from(after.max(1));
    let b = &mut new.buffers;
    b.W.bytes = scaled(b.W.bytes, by(before.w_buffers, after.w_buffers));
    b.I.bytes = scaled(b.I.bytes, by(before.i_buffers, after.i_buffers));
    b.psum.words = scaled(b.psum.words, by(before.psum_buffers, after.psum_buffers));
}

fn change(space: &AcceleratorSpace, a: &mut Accelerator, rng: &mut Rng) {
    let free = space.dims.is_none();
    match rng.random_range(0..21) {
        0..=3 => resize(space, a, rng),
        4 if a.axes.len() > 1 => {
            let (i, j) = two(a.axes.len(), rng);
            let size = a.axes[i].size;
            a.axes[i].size = a.axes[j].size;
            a.axes[j].size = size;
        }
        5 | 6 if free => redirect(space, a, rng),
        7 if free && a.axes.len() < *AXIS_COUNTS.end() => grow(space, a, rng),
        8 if free && a.axes.len() > 1 => {
            let (i, j) = two(a.axes.len(), rng);
            let gone = a.axes[i].size;
            a.axes[j].size = (a.axes[j].size * gone).min(MAX_AXIS);
            a.axes.remove(i);
        }
        9 => space.set_lanes(a, f64::from(rng.random_range(0..3u8)) / 3.0 + 0.1),
        20 => widths(space, a, rng),
        10..=12 => {
            let factors = if rng.random_bool(0.33) { LEAPS } else { FACTORS };
            let by = factors[rng.random_range(0..factors.len())];
            let bytes = match rng.random_range(0..3) {
                0 => &mut a.buffers.W.bytes,
                1 => &mut a.buffers.I.bytes,
                _ => &mut a.buffers.psum.words,
            };
            *bytes = scaled(*bytes, by);
        }
        13 => slots(a, rng),
        14..=16 if a.axes.len() > 1 => trade(space, a, rng),
        _ => {
            let by = FACTORS[rng.random_range(0..FACTORS.len())];
            let bytes = match rng.random_range(0..7) {
                0 | 1 => &mut a.l2.W.bytes,
                2 | 3 => &mut a.l2.I.bytes,
                4 | 5 => &mut a.l2.O.bytes,
                _ => &mut a.l2.P.bytes,
            };
            *bytes = scaled(*bytes, by);
        }
    }
}

/// Twice or half as many lanes of one kind, of both operands, or output units; all that there are, if that cannot be built.
fn widths(space: &AcceleratorSpace, a: &mut Accelerator, rng: &mut Rng) {
    let by = if rng.random_bool(0.5) { 2.0 } else { 0.5 };
    let which = rng.random_range(0..5);
    let step = |x: &mut u32| *x = scaled(*x, by);
    match which {
        0 => step(&mut a.lanes.W),
        1 => step(&mut a.lanes.I),
        2 => step(&mut a.lanes.drain),
        3 => step(&mut a.requantizers),
        _ => {
            step(&mut a.lanes.W);
            step(&mut a.lanes.I);
        }
    }
    a.requantizers = a.requantizers.min(a.lanes.drain);
    let (l, r) = (&a.lanes, &space.resources);
    let fits = l.W + l.I <= r.network_bytes_per_cycle && l.drain <= r.drain_psums_per_cycle;
    if !fits || !a.violations().is_empty() {
        space.set_lanes(a, 1.0);
    }
}

/// A memory gets one slot of twice the size, or two of half the size.
fn slots(a: &mut Accelerator, rng: &mut Rng) {
    let other = |size: &mut u32, slots: &mut u32| {
        let all = *size * *slots;
        *slots = 3 - *slots;
        *size = (all / *slots).max(1);
    };
    let (b, l) = (&mut a.buffers, &mut a.l2);
    let m = match rng.random_range(0..6) {
        0 => &mut b.W,
        1 => &mut b.I,
        2 => return other(&mut b.psum.words, &mut b.psum.slots),
        3 => &mut l.W,
        4 => &mut l.I,
        _ => &mut l.O,
    };
    other(&mut m.bytes, &mut m.slots);
}

fn scaled(x: u32, by: f64) -> u32 {
    ((f64::from(x) * by).round() as u32).max(1)
}

/// Two different places out of `count`, at least two.
fn two(count: usize, rng: &mut Rng) -> (usize, usize) {
    let i = rng.random_range(0..count);
    let j = (i + rng.random_range(1..count)) % count;
    (i, j)
}

/// An axis gets another size, and another axis what PEs are then left.
fn resize(space: &AcceleratorSpace, a: &mut Accelerator, rng: &mut Rng) {
    let i = rng.random_range(0..a.axes.len());
    let old = a.axes[i].size;
    let new = match rng.random_range(0..8) {
        0 => old + 1,
        1 => old.saturating_sub(1),
        2 => old + 2,
        3 => old.saturating_sub(2),
        _ => scaled(old, FACTORS[rng.random_range(0..FACTORS.len())]),
    };
    a.axes[i].size = new.clamp(1, MAX_AXIS);
    if a.axes.len() > 1 {
        let j = (i + rng.random_range(1..a.axes.len())) % a.axes.len();
        if a.pes() > space.resources.pes || rng.random_bool(0.7) {
            fill(space, a, j);
        }
    } else if a.pes() > space.resources.pes {
        a.axes[i].size = old;
    }
}

/// An axis gets several times as long, another one that much shorter.
fn trade(space: &AcceleratorSpace, a: &mut Accelerator, rng: &mut Rng) {
    let (i, j) = two(a.axes.len(), rng);
    let by = [1.5, 2.0, 2.0, 2.0, 3.0, 4.0][rng.random_range(0..6)];
    a.axes[j].size = scaled(a.axes[j].size, 1.0 / by);
    a.axes[i].size = scaled(a.axes[i].size, by).min(MAX_AXIS);
    if a.pes() > space.resources.pes {
        fill(space, a, i);
    }
}

/// Axis `i` gets the largest size that the PEs allow.
fn fill(space: &AcceleratorSpace, a: &mut Accelerator, i: usize) {
    let others: u32 = a
        .axes
        .iter()
        .enumerate()
        .filter(|(j, _)| *j != i)
        .map(|(_, x)| x.size)
        .product();
    a.axes[i].size = (space.resources.pes / others.max(1)).clamp(1, MAX_AXIS);
}

/// What an axis may run that no other axis runs.
fn runs(space: &AcceleratorSpace, a: &Accelerator, i: Option<usize>, rng: &mut Rng) -> Option<Vec<Dim>> {
    let others = a.axes.iter().enumerate().filter(|(j, _)| Some(*j) != i);
    let others: Vec<&Axis> = others.map(|(_, axis)| axis).collect();
    let single = Dim::ALL.into_iter().filter(|d| others.iter().all(|o| o.dims != [*d]));
    let mut choices: Vec<Vec<Dim>> = single.map(|d| vec![d]).collect();
    if space.sharing == Sharing::Several {
        let taken = |set: &&[Dim]| {
            others
                .iter()
                .any(|o| o.dims.len() > 1 && class(o.dims[0]) == class(set[0]))
        };
        choices.extend(SHARED.into_iter().filter(|set| !taken(set)).map(<[Dim]>::to_vec));
    }
    (!choices.is_empty()).then(|| choices.swap_remove(rng.random_range(0..choices.len())))
}

/// An axis runs something else.
fn redirect(space: &AcceleratorSpace, a: &mut Accelerator, rng: &mut Rng) {
    let i = rng.random_range(0..a.axes.len());
    if let Some(dims) = runs(space, a, Some(i), rng) {
        a.axes[i].dims = dims;
    }
}

/// One more axis, at the expense of another.
fn grow(space: &AcceleratorSpace, a: &mut Accelerator, rng: &mut Rng) {
    let i = rng.random_range(0..a.axes.len());
    let Some(dims) = runs(space, a, None, rng) else { return };
    let size = [2, 2, 3, 4, 4, 7, 8][rng.random_range(0..7)];
    a.axes[i].size = (a.axes[i].size / size).max(1);
    let at = rng.random_range(0..=a.axes.len());
    a.axes.insert(at, Axis { size, dims });
}

/// Makes a design of `a`: whole words, and no more bytes than there are; all of them, if level 2 is to `fill` what is left.
pub(in crate::search) fn settle(space: &AcceleratorSpace, a: &mut Accelerator, fill: bool) {
    let g = Geometry::of(a);
    let total = space.resources.onchip_bytes as f64;
    let l1 = |a: &Accelerator| {
        let bytes = |count: u32, bytes: u32, slots: u32| f64::from(count) * f64::from(bytes) * f64::from(slots);
        let b = &a.buffers;
        bytes(g.w_buffers, b.W.bytes, b.W.slots)
            + bytes(g.i_buffers, b.I.bytes, b.I.slots)
            + bytes(g.psum_buffers, 4 * b.psum.words, b.psum.slots)
    };
    let too_much = l1(a) / (MOST_L1 * total);
    let cut = 1.0 / too_much.max(1.0);
    let b = &mut a.buffers;
    b.W.bytes = whole(f64::from(b.W.bytes) * cut, g.w_word);
    b.I.bytes = whole(f64::from(b.I.bytes) * cut, g.i_word);
    b.psum.words = whole(f64::from(b.psum.words) * cut, g.psum_word);
    a.l2.P.bytes = whole(f64::from(a.l2.P.bytes), PARAM_BYTES * g.l2_p_word);
    let room = total - l1(a) - f64::from(a.l2.P.bytes) * f64::from(a.l2.P.slots);
    let words = [g.l2_w_word, g.l2_i_word, a.l2.output_bytes() * g.l2_o_word];
    let memories = [&mut a.l2.W, &mut a.l2.I, &mut a.l2.O];
    let wanted: f64 = memories.iter().map(|m| f64::from(m.bytes) * f64::from(m.slots)).sum();
    let by = room / wanted.max(1.0);
    let by = if fill { by } else { by.min(1.0) };
    let fits = |m: &mut Memory, word: u32| m.bytes = whole(f64::from(m.bytes) * by.max(0.0), word);
    memories.into_iter().zip(words).for_each(|(m, word)| fits(m, word));
}

/// The most whole words within `units`, at least one.
fn whole(units: f64, word: u32) -> u32 {
    (units.min(f64::from(1 << 26)) as u32 / word).max(1) * word
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::resources::Resources;
    use crate::base::rng::stream;
    use crate::search::dataflow::DATAFLOWS;

    #[test]
    fn most_neighbours_are_designs_and_keep_what_is_to_stay() {
        for flow in &DATAFLOWS {
            let a = flow.accelerator().unwrap();
            let mut space = AcceleratorSpace::new(Resources::preset(flow.resources).unwrap());
            for fixed in [false, true] {
                let dims: Vec<Vec<Dim>> = a.axes.iter().map(|axis| axis.dims.clone()).collect();
                space.dims = fixed.then(|| dims.clone());
                let (mut legal, mut full) = (0, 0);
                for i in 0..400 {
                    let n = neighbour(&space, &a, &mut stream(5, &[i]));
                    let kept: Vec<Vec<Dim>> = n.axes.iter().map(|axis| axis.dims.clone()).collect();
                    assert!(!fixed || kept == dims);
                    if n.violations().is_empty() && space.resources.exceeded_by(&n).is_empty() {
                        legal += 1;
                        full += u32::from(n.onchip_bytes() * 100 > 95 * space.resources.onchip_bytes);
                    }
                }
                assert!(legal > 300 && full > 150, "{}: {legal} {full}", flow.name);
            }
        }
    }
}
