//! A naive interpreter: executes every multiply-accumulate, and moves a tile whenever a pass touches other indices.
//!
//! Shares no arithmetic with the schedule, the walk or the closed forms: tiles are the indices that the scalar loops
//! touch, windows are the input positions between the first and the last one touched, and lanes, words and axis positions
//! are enumerated one by one.

use naas::base::dims::{Dim, PerDim};
use naas::mapping::random::Triple;
use std::collections::BTreeMap;

/// What the interpreter counts, named as in the cost model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accesses {
    pub macs: u64,
    pub compute_cycles: u64,
    pub w_words: u64,
    pub i_words: u64,
    pub i_writes: u64,
    pub psum_words: u64,
    pub acc_reads: u64,
    pub read_beats: u64,
    pub write_beats: u64,
}

/// First and last index touched along group, image and each dimension.
type Touched = [Option<[u32; 2]>; 8];
const G: usize = 0;
const N: usize = 1;

fn touch(t: &mut Touched, at: &[u32; 8]) {
    for (range, &i) in t.iter_mut().zip(at) {
        let [first, last] = range.unwrap_or([i, i]);
        *range = Some([first.min(i), last.max(i)]);
    }
}

/// The part of what was touched that indexes an operand.
fn part(t: &Touched, of: &[usize]) -> Touched {
    std::array::from_fn(|i| if of.contains(&i) { t[i] } else { None })
}

fn extent(t: &Touched, i: usize) -> u32 {
    t[i].map_or(0, |[first, last]| last - first + 1)
}

fn size(t: &Touched, of: &[usize]) -> u64 {
    of.iter().map(|&i| u64::from(extent(t, i))).product()
}

const fn at(d: Dim) -> usize {
    2 + d as usize
}

pub struct Interpreter<'a> {
    t: &'a Triple,
    accesses: Accesses,
    w: Touched,
    i: Touched,
    o: Touched,
    l2: [Touched; 4],
    drained: BTreeMap<[u32; 5], u64>,
}

const NOTHING: Touched = [None; 8];
const W: [usize; 5] = [G, at(Dim::K), at(Dim::C), at(Dim::R), at(Dim::S)];
const O: [usize; 5] = [G, N, at(Dim::K), at(Dim::Y), at(Dim::X)];
const P: [usize; 2] = [G, at(Dim::K)];

impl<'a> Interpreter<'a> {
    /// Positions that run `d` under this mapping: those of its own axes, and its part of an axis with others.
    fn positions(&self, d: Dim) -> u32 {
        let axes = &self.t.accelerator.axes;
        let own: u32 = axes.iter().filter(|a| a.dims == [d]).map(|a| a.size).product();
        own * self.t.mapping.split[d].max(1)
    }

    pub fn run(t: &'a Triple) -> Accesses {
        let mut me = Self {
            t,
            accesses: Accesses::default(),
            w: NOTHING,
            i: NOTHING,
            o: NOTHING,
            l2: [NOTHING; 4],
            drained: BTreeMap::new(),
        };
        let m = t.mapping.normalised(&t.nest);
        let whole = PerDim::from_fn(|d| [0, t.nest.bounds[d]]);
        for g in 0..t.nest.g {
            for n in 0..t.nest.n {
                cut(&whole, &m.offchip.tile, &m.offchip.order, &mut |step| {
                    me.step(&reach(g, n, step));
                    cut(step, &m.l2.tile, &m.l2.order, &mut |pass| {
                        let touched = me.scalar_loops(g, n, pass);
                        me.pass(&touched);
                    });
                });
            }
        }
        let last = me.o;
        me.drain(&last);
        let last = me.l2[3];
        me.write(&last);
        me.accesses
    }

    fn input_indices(&self) -> [usize; 7] {
        let channel = if self.t.nest.depthwise() { Dim::K } else { Dim::C };
        let [y, x, r, s] = [Dim::Y, Dim::X, Dim::R, Dim::S].map(at);
        [G, N, at(channel), y, x, r, s]
    }

    /// Executes the multiply-accumulates of one pass.
    fn scalar_loops(&mut self, g: u32, n: u32, pass: &PerDim<[u32; 2]>) -> Touched {
        let mut touched = NOTHING;
        let range = |d: Dim| pass[d][0]..pass[d][1];
        for k in range(Dim::K) {
            for c in range(Dim::C) {
                for y in range(Dim::Y) {
                    for x in range(Dim::X) {
                        for r in range(Dim::R) {
                            for s in range(Dim::S) {
                                self.accesses.macs += 1;
                                touch(&mut touched, &[g, n, k, c, y, x, r, s]);
                            }
                        }
                    }
                }
            }
        }
        touched
    }

    fn pass(&mut self, touched: &Touched) {
        self.accesses.compute_cycles += Dim::ALL
            .iter()
            .map(|&d| u64::from(extent(touched, at(d)).div_ceil(self.positions(d))))
            .product::<u64>();
        let w = part(touched, &W);
        if w != self.w {
            self.w = w;
            self.accesses.w_words += size(&w, &W);
        }
        let indices = self.input_indices();
        let i = part(touched, &indices);
        if i != self.i {
            self.i = i;
            self.load_i(&i, indices[2]);
        }
        let o = part(touched, &O);
        if o != self.o {
            let closed = std::mem::replace(&mut self.o, o);
            self.drain(&closed);
        }
    }

    /// Input rows (or columns) under what was touched, and where the first one is.
    fn window(&self, side: usize, t: &Touched) -> (i64, i64) {
        let n = &self.t.nest;
        let (out, tap) = [(Dim::Y, Dim::R), (Dim::X, Dim::S)][side];
        let position = |end: usize| {
            let of = |d: Dim| t[at(d)].map_or(0, |range| i64::from(range[end]));
            of(out) * i64::from(n.stride[side]) + of(tap) * i64::from(n.dilation[side]) - i64::from(n.pad[side])
        };
        (position(0), position(1) - position(0) + 1)
    }

    /// For each row (or column) of the window, whether it is stored.
    fn stored(&self, side: usize, t: &Touched) -> Vec<bool> {
        let (first, rows) = self.window(side, t);
        let input = i64::from(self.t.nest.input[side]);
        (first..first + rows).map(|row| (0..input).contains(&row)).collect()
    }

    fn load_i(&mut self, i: &Touched, channel: usize) {
        let (rows, columns) = (self.stored(0, i), self.stored(1, i));
        let count = |v: &[bool]| v.iter().filter(|&&b| b).count() as u64;
        let channels = u64::from(extent(i, channel));
        self.accesses.i_words += channels * count(&rows) * count(&columns);
        let hits = |side: usize, window: usize| {
            let (out, tap) = [(Dim::Y, Dim::R), (Dim::X, Dim::S)][side];
            let n = &self.t.nest;
            let [outs, taps] = [out, tap].map(|d| self.positions(d));
            let (share, tap_share) = (extent(i, at(out)).div_ceil(outs), extent(i, at(tap)).div_ceil(taps));
            // The rows that a PE at output position `p` and tap position `q` lies between, one by one.
            let mut written = 0;
            for p in 0..outs {
                for q in 0..taps {
                    let row =
                        |y: u32, r: u32| (p * share + y) * n.stride[side] + (q * tap_share + r) * n.dilation[side];
                    let own = row(0, 0)..=row(share - 1, tap_share - 1);
                    written += own.filter(|&row| (row as usize) < window).count() as u64;
                }
            }
            written
        };
        self.accesses.i_writes += channels * hits(0, rows.len()) * hits(1, columns.len());
    }

    fn drain(&mut self, closed: &Touched) {
        if *closed == NOTHING {
            return;
        }
        let range = |i: usize| closed[i].map_or(0..0, |[first, last]| first..last + 1);
        for g in range(G) {
            for n in range(N) {
                for k in range(at(Dim::K)) {
                    for y in range(at(Dim::Y)) {
                        for x in range(at(Dim::X)) {
                            let times = self.drained.entry([g, n, k, y, x]).or_default();
                            self.accesses.psum_words += 1;
                            self.accesses.acc_reads += u64::from(*times > 0);
                            *times += 1;
                        }
                    }
                }
            }
        }
    }

    /// Entry of an off-chip step.
    fn step(&mut self, touched: &Touched) {
        let bus = self.t.accelerator.offchip.bytes_per_cycle;
        let lanes = &self.t.accelerator.lanes;
        let packed = |e: u32, lanes: u32| u64::from(e.next_multiple_of(lanes.max(bus)) / bus);
        let indices = self.input_indices();
        let operands: [&[usize]; 4] = [&W, &indices, &P, &O];
        for (number, of) in operands.into_iter().enumerate() {
            let tile = part(touched, of);
            if tile == self.l2[number] {
                continue;
            }
            let old = std::mem::replace(&mut self.l2[number], tile);
            let k = extent(&tile, at(Dim::K));
            match number {
                0 => self.accesses.read_beats += packed(k, lanes.W) * size(&tile, &W[2..]),
                1 => self.accesses.read_beats += self.input_beats(&tile, indices[2]),
                2 => self.accesses.read_beats += packed(k, lanes.drain) * 9,
                _ => self.write(&old),
            }
        }
    }

    fn input_beats(&self, tile: &Touched, channel: usize) -> u64 {
        let bus = self.t.accelerator.offchip.bytes_per_cycle;
        let (rows, columns) = (self.stored(0, tile), self.stored(1, tile));
        let mut beats = 0;
        let blocks = extent(tile, channel).div_ceil(bus);
        for block in 0..blocks {
            for (y, row) in rows.iter().enumerate() {
                for (x, column) in columns.iter().enumerate() {
                    let last = [block + 1 == blocks, y + 1 == rows.len(), x + 1 == columns.len()];
                    beats += u64::from(*row && *column || last == [true; 3]);
                }
            }
        }
        beats
    }

    fn write(&mut self, tile: &Touched) {
        let bus = self.t.accelerator.offchip.bytes_per_cycle;
        let words = extent(tile, at(Dim::K)).div_ceil(bus);
        self.accesses.write_beats += u64::from(words) * size(tile, &[at(Dim::Y), at(Dim::X)]);
    }
}

/// The indices of a whole tile as if all had been touched.
fn reach(g: u32, n: u32, tile: &PerDim<[u32; 2]>) -> Touched {
    let mut t = NOTHING;
    (t[G], t[N]) = (Some([g, g]), Some([n, n]));
    for d in Dim::ALL {
        t[at(d)] = Some([tile[d][0], tile[d][1] - 1]);
    }
    t
}

/// Calls `f` for the tiles of `of` (from, to per dimension) in order.
fn cut(of: &PerDim<[u32; 2]>, tile: &PerDim<u32>, order: &[Dim], f: &mut dyn FnMut(&PerDim<[u32; 2]>)) {
    let Some((&d, inner)) = order.split_first() else {
        return f(of);
    };
    let [mut from, to] = of[d];
    while from < to {
        let mut part = *of;
        part[d] = [from, to.min(from + tile[d])];
        cut(&part, tile, inner, f);
        from += tile[d];
    }
}
