//! Least counts of a family, each by itself.

use super::{Cuts, Families, Offchip, Reuse};
use crate::arch::accelerator::PARAM_BYTES;
use crate::base::dims::{Dim, PerDim};
use crate::base::int::ceil_div;
use crate::cost::counts::Tally;
use crate::cost::tech::real;

/// Least counts of a family.
pub(super) struct Least<'a> {
    f: &'a Families,
    c: &'a PerDim<&'a Cuts>,
    reuse: Reuse,
}

/// How often level-2 tiles of an operand are read again.
#[derive(Clone, Copy)]
struct Times {
    w: u64,
    i: u64,
    p: u64,
}

/// How often array tiles of an operand are moved again.
#[derive(Clone, Copy)]
struct Moves {
    /// The part of them, at least, that is moved `most` times.
    regular: f64,
    most: u64,
    /// The rest.
    least: u64,
}

impl Moves {
    /// Every tile as often.
    const fn all(times: u64) -> Self {
        Self {
            regular: 1.0,
            most: times,
            least: times,
        }
    }

    /// At least the moves of what counts `once` if every tile is moved once.
    fn of(self, once: u64) -> u64 {
        let again = self.most.saturating_sub(self.least);
        let again = if self.regular >= 1.0 {
            again * once
        } else {
            // Rounded down for certain.
            (real(again) * real(once) * self.regular * (1.0 - 1e-9)) as u64
        };
        self.least * once + again
    }

    /// The one of two bounds that says more.
    fn max(self, other: Self) -> Self {
        let worth = |m: Self| real(m.least) + real(m.most.saturating_sub(m.least)) * m.regular;
        if worth(other) > worth(self) { other } else { self }
    }
}

impl<'a> Least<'a> {
    /// Of the family of `c` and `reuse`.
    pub(super) const fn of(f: &'a Families, c: &'a PerDim<&'a Cuts>, reuse: Reuse) -> Self {
        Self { f, c, reuse }
    }

    /// Least number of level-2 tiles.
    fn l2(&self, d: Dim) -> u64 {
        self.c[d].l2_tiles[0]
    }

    /// Least number of array tiles.
    fn array(&self, d: Dim) -> u64 {
        self.c[d].tiles[0]
    }

    fn any(&self, dims: &[Dim], f: impl Fn(&Cuts) -> bool) -> bool {
        dims.iter().any(|&d| f(self.c[d]))
    }

    /// How often level-2 tiles are read again.
    fn read_again(&self) -> Times {
        use Dim::{K, X, Y};
        let n = u64::from(self.f.s.nest.n);
        let several = |c: &Cuts| c.l2_tiles[0] > 1;
        let cut_reduction = self.any(&Dim::REDUCTION, several);
        let (y, x) = (self.l2(Y), self.l2(X));
        let around_k = match self.reuse.offchip {
            Offchip::Outer if several(self.c[K]) => n,
            Offchip::Outer => 1,
            Offchip::Inner => n * y * x,
            Offchip::WithinY => n * y,
            Offchip::WithinX => n * x,
        };
        let inputs_again = cut_reduction || self.reuse.offchip != Offchip::Inner && self.any(&[Y, X], several);
        Times {
            w: if cut_reduction { n * y * x } else { around_k },
            i: if inputs_again && !self.f.s.nest.depthwise() {
                self.l2(K)
            } else {
                1
            },
            p: around_k,
        }
    }

    /// How often array tiles of W, I and sums are moved again.
    fn moved_again(&self, read: &Times) -> [Moves; 3] {
        use Dim::{C, K, R, S, X, Y};
        let n = u64::from(self.f.s.nest.n);
        let i = if self.f.s.nest.depthwise() {
            Moves::all(1)
        } else {
            self.moves(&[C, Y, X, R, S], &[K], 1, read.i)
        };
        [
            self.moves(&[K, C, R, S], &[Y, X], n, read.w),
            i,
            self.moves(&[K, Y, X], &Dim::REDUCTION, 1, 1),
        ]
    }

    /// How often array tiles of an operand that loops over `relevant` index and loops over `others`, and `images` images,
    /// do not are moved again; `least` times if no level-2 loop moves them.
    fn moves(&self, relevant: &[Dim], others: &[Dim], images: u64, least: u64) -> Moves {
        let Some(innermost) = self.reuse.innermost else {
            return Moves::all(least);
        };
        let second = self.reuse.second.filter(|d| relevant.contains(d));
        let regular = |d: Dim| self.c[d].regular;
        let count = |f: &dyn Fn(Dim) -> u64| images * others.iter().map(|&d| f(d)).product::<u64>();
        let some = |regular: f64, most: u64| Moves { regular, most, least };
        if relevant.contains(&innermost) {
            // Where the last level-2 tile is one array tile, the second loop is the innermost.
            let rest = second.map_or(1.0, |d| 1.0 - regular(d));
            return some(1.0 - (1.0 - regular(innermost)) * rest, count(&|d| self.array(d)));
        }
        // All off-chip loops lie around a level-2 loop.
        let cut = relevant.iter().filter(|&&d| self.c[d].several);
        let most_regular = cut.map(|&d| regular(d)).fold(0.0, f64::max);
        let enclosed = some(most_regular, count(&|d| self.l2(d)));
        // The second loop is within all level-2 loops but the innermost.
        let within = |d: Dim| if d == innermost { self.l2(d) } else { self.array(d) };
        second.map_or(enclosed, |d| enclosed.max(some(regular(d), count(&within))))
    }

    /// Least rows (`side` 0) or columns (1) of all windows, in numbers of tiles that `range` gives.
    /// The same within the stored input, `margin` times the padding left out.
    fn windows(&self, side: usize, margin: u64, range: impl Fn(&Cuts) -> [u64; 2]) -> (u64, u64) {
        let nest = &self.f.s.nest;
        let [out, tap] = [[Dim::Y, Dim::R], [Dim::X, Dim::S]][side];
        let [stride, dilation] = [nest.stride[side], nest.dilation[side]].map(u64::from);
        let (outs, taps) = (range(self.c[out]), range(self.c[tap]));
        let [out_sum, tap_sum] = [out, tap].map(|d| u64::from(nest.bounds[d]));
        let mut least = (u64::MAX, u64::MAX);
        for n in outs {
            for m in taps {
                let rows = (out_sum - n) * stride * m + (tap_sum - m) * dilation * n + n * m;
                least.0 = least.0.min(rows);
                least.1 = least.1.min(rows.saturating_sub(margin * self.f.padding[side] * m));
            }
        }
        least
    }

    /// The counts.
    pub(super) fn tally(&self) -> Tally {
        use Dim::{C, K, R, S, X, Y};
        let s = &self.f.s;
        let (nest, ports, c) = (&s.nest, &s.ports, self.c);
        let bound = |d: Dim| u64::from(nest.bounds[d]);
        let (g, images) = (u64::from(nest.g), u64::from(nest.g) * u64::from(nest.n));
        let read = self.read_again();
        let [w_moves, i_moves, o_moves] = self.moved_again(&read);
        let channel = s.channel_dim();
        let taps = bound(C) * bound(R) * bound(S);
        let mut t = Tally::default();
        let n = &mut t.counts;
        n.macs = images * Dim::ALL.iter().map(|&d| bound(d)).product::<u64>();
        n.compute_cycles = images * Dim::ALL.iter().map(|&d| c[d].shares).product::<u64>();
        let tiles = |dims: &[Dim]| dims.iter().map(|&d| self.array(d)).product::<u64>();
        let l2_tiles = |dims: &[Dim]| dims.iter().map(|&d| self.l2(d)).product::<u64>();
        n.jobs.compute = images * tiles(&Dim::ALL);
        n.w_cycles = w_moves.of(c[K].w_vectors * taps * g);
        n.w_words = w_moves.of(bound(K) * taps * g);
        n.jobs.w = w_moves.of(tiles(&[K, C, R, S]) * g);
        // Less padding may lie in what moves often than its share: the regular part is more than half.
        let margin = if self.any(&Dim::ALL, |c| c.regular < 1.0) { 2 } else { 1 };
        let array = [0, 1].map(|side| self.windows(side, margin, |c| c.tiles));
        let pieces = [0, 1].map(|side| self.windows(side, 1, |c| c.pieces).0);
        n.i_cycles = i_moves.of(c[channel].i_vectors * images * array[0].0 * array[1].0);
        n.i_words = i_moves.of(bound(channel) * images * array[0].1 * array[1].1);
        n.i_writes = i_moves.of(bound(channel) * images * pieces[0] * pieces[1]);
        n.jobs.i = i_moves.of(tiles(&[channel, Y, X, R, S]) * images);
        let positions = bound(Y) * bound(X) * images;
        n.psum_words = o_moves.of(bound(K) * positions);
        n.acc_reads = n.psum_words - bound(K) * positions;
        let last_vectors = c[K].drain_vectors * positions;
        n.drain_cycles =
            o_moves.of(last_vectors) + last_vectors * (ceil_div(ports.drain_lanes, ports.requantizers) - 1);
        n.jobs.drain = o_moves.of(tiles(&[K, Y, X]) * images);
        t.fills.w = ceil_div(c[K].w_words, ports.bus) * taps * g * read.w;
        t.fills.p = ceil_div(c[K].p_words * u64::from(PARAM_BYTES), ports.bus) * g * read.p;
        let level2 = [0, 1].map(|side| self.windows(side, 1, |c| c.l2_tiles));
        let channels = c[channel].beats * images * read.i;
        t.fills.i = channels * level2[0].1 * level2[1].1;
        t.i_read_cycles = channels * level2[0].0 * level2[1].0;
        t.reads.w = l2_tiles(&[K, C, R, S]) * g * read.w;
        t.reads.i = l2_tiles(&[channel, Y, X, R, S]) * images * read.i;
        t.reads.p = self.l2(K) * g * read.p;
        n.read_beats = t.fills.w + t.fills.i + t.fills.p;
        n.jobs.read = t.reads.w + t.reads.i + t.reads.p;
        n.write_beats = c[K].beats * positions;
        n.jobs.write = l2_tiles(&[K, Y, X]) * images;
        t.busy.read = t.fills.w + t.i_read_cycles + t.fills.p;
        t.busy.w = n.w_cycles;
        t.busy.i = n.i_cycles;
        t.busy.compute = n.compute_cycles;
        t.busy.drain = n.drain_cycles;
        t.busy.write = n.write_beats;
        t
    }
}
