//! Layers, mappings, and how many words a mapping moves.

use arrayvec::ArrayVec;
use naas::base::dims::{Dim, DimSet, PerDim};
use naas::workload::layer::LoopNest;

/// A layer: one group of one image.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Loop bounds.
    pub bounds: PerDim<u64>,
    stride: [u64; 2],
    dilation: [u64; 2],
    input: [u64; 2],
    depthwise: bool,
}

/// What is moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand {
    W,
    I,
    O,
}

impl Operand {
    pub const ALL: [Self; 3] = [Self::W, Self::I, Self::O];
}

impl Shape {
    /// The loops of `nest`. Rows and columns that a strided 1x1 kernel skips are read like any others.
    pub fn of(nest: &LoopNest) -> Self {
        let wide = |v: [u32; 2]| v.map(u64::from);
        let skipped = wide(nest.subsample);
        Self {
            bounds: PerDim::from_fn(|d| nest.bounds[d].into()),
            stride: [0, 1].map(|i| wide(nest.stride)[i] * skipped[i]),
            dilation: wide(nest.dilation),
            input: [0, 1].map(|i| wide(nest.input)[i] * skipped[i]),
            depthwise: nest.depthwise(),
        }
    }

    pub fn macs(&self) -> u64 {
        self.bounds.0.iter().product()
    }

    /// Dimensions that index `operand`.
    pub fn dims(&self, operand: Operand) -> DimSet {
        use Dim::{C, K, R, S, X, Y};
        match operand {
            Operand::W => DimSet::of(&[K, C, R, S]),
            Operand::I if self.depthwise => DimSet::of(&[K, C, Y, X, R, S]),
            Operand::I => DimSet::of(&[C, Y, X, R, S]),
            Operand::O => DimSet::of(&[K, Y, X]),
        }
    }

    /// Input rows (0) or columns (1) under so many outputs and taps: not more than the map has.
    fn side(&self, i: usize, outputs: u64, taps: u64) -> u64 {
        ((outputs - 1) * self.stride[i] + (taps - 1) * self.dilation[i] + 1).min(self.input[i])
    }

    fn input_channels(&self, tile: &PerDim<u64>) -> u64 {
        tile[if self.depthwise { Dim::K } else { Dim::C }]
    }

    /// Words of a tile.
    pub fn words(&self, operand: Operand, tile: &PerDim<u64>) -> u64 {
        match operand {
            Operand::W => tile[Dim::K] * tile[Dim::C] * tile[Dim::R] * tile[Dim::S],
            Operand::I => {
                let [rows, columns] = [
                    self.side(0, tile[Dim::Y], tile[Dim::R]),
                    self.side(1, tile[Dim::X], tile[Dim::S]),
                ];
                self.input_channels(tile) * rows * columns
            }
            Operand::O => tile[Dim::K] * tile[Dim::Y] * tile[Dim::X],
        }
    }
}

/// A mapping.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tiling {
    /// Positions side by side in the array.
    pub positions: PerDim<u64>,
    /// Tiles of L2, then of L1 (for the whole array).
    pub tiles: [PerDim<u64>; 2],
    /// Orders of the loops over the tiles of L2, then over those of L1 inside, outermost first.
    pub orders: [[Dim; 6]; 2],
}

/// A loop with more than one iteration over tiles.
#[derive(Clone, Copy)]
pub struct Loop {
    pub dim: Dim,
    pub trips: u64,
    /// Extent of the last tile; the others are full.
    pub last: u64,
    /// This dimension and those of the loops inside: what moves when it advances.
    pub moves: u8,
}

/// Loops, outermost first.
pub type Loops = ArrayVec<Loop, 6>;

/// The loops over tiles of size `tile` in `extent`.
pub fn loops(order: [Dim; 6], extent: &PerDim<u64>, tile: &PerDim<u64>) -> Loops {
    let mut moves = 0;
    let mut all = Loops::new();
    for dim in order.into_iter().rev() {
        let trips = extent[dim].div_ceil(tile[dim]);
        if trips > 1 {
            moves |= 1 << dim.index();
            let last = extent[dim] - (trips - 1) * tile[dim];
            all.push(Loop {
                dim,
                trips,
                last,
                moves,
            });
        }
    }
    all.reverse();
    all
}

/// Dimensions of the innermost loops that do not index an operand: its tile stays over them.
fn stays(loops: &[Loop], dims: DimSet) -> u8 {
    let inner = loops.iter().rev().take_while(|l| !dims.contains(l.dim));
    inner.fold(0, |set, l| set | 1 << l.dim.index())
}

const fn has(set: u8, d: Dim) -> bool {
    set >> d as u8 & 1 == 1
}

pub fn smaller(tile: &PerDim<u64>, extent: &PerDim<u64>) -> PerDim<u64> {
    PerDim::from_fn(|d| tile[d].min(extent[d]))
}

/// Words moved over a layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Words from L2 to L1: weights, inputs; and back, sums.
    pub l1: [u64; 3],
    /// Words between off chip and L2: weights, inputs, outputs.
    pub l2: [u64; 3],
    /// Passes of the array, and their steps.
    pub passes: u64,
    pub steps: u64,
}

impl Tally {
    /// Counts of `t` over `shape`, in closed form: tiles of one kind (full or at the edge, in each dimension) move alike.
    pub fn of(shape: &Shape, t: &Tiling) -> Self {
        let outer = loops(t.orders[0], &shape.bounds, &t.tiles[0]);
        let full = smaller(&t.tiles[0], &shape.bounds);
        let outer_stays = Operand::ALL.map(|o| stays(&outer, shape.dims(o)));
        let mut all = Self::default();
        for kind in 0..1u32 << outer.len() {
            let mut extent = full;
            // Tiles of this kind, and how many of them bring each operand anew.
            let (mut tiles, mut fresh) = (1, [1; 3]);
            for (i, l) in outer.iter().enumerate() {
                let edge = kind >> i & 1 == 1;
                tiles *= if edge { 1 } else { l.trips - 1 };
                for (fresh, stays) in fresh.iter_mut().zip(outer_stays) {
                    *fresh *= match (has(stays, l.dim), edge) {
                        (false, false) => l.trips - 1,
                        (true, true) => 0,
                        (false, true) | (true, false) => 1,
                    };
                }
                if edge {
                    extent[l.dim] = l.last;
                }
            }
            all.add_tiles(shape, t, &extent, tiles, fresh);
        }
        all
    }

    /// Adds `tiles` tiles of L2 of one extent, of which `fresh` bring an operand anew.
    fn add_tiles(&mut self, shape: &Shape, t: &Tiling, extent: &PerDim<u64>, tiles: u64, fresh: [u64; 3]) {
        let inner = loops(t.orders[1], extent, &t.tiles[1]);
        let trips = PerDim::from_fn(|d| extent[d].div_ceil(t.tiles[1][d]));
        let last = PerDim::from_fn(|d| extent[d] - (trips[d] - 1) * t.tiles[1][d]);
        self.passes += tiles * trips.0.iter().product::<u64>();
        let steps = |d: Dim| (trips[d] - 1) * t.tiles[1][d].div_ceil(t.positions[d]) + last[d].div_ceil(t.positions[d]);
        self.steps += tiles * Dim::ALL.map(steps).iter().product::<u64>();
        for (i, operand) in Operand::ALL.into_iter().enumerate() {
            let dims = shape.dims(operand);
            self.l2[i] += fresh[i] * shape.words(operand, extent);
            // One tile of L1 for all of this tile stays as long as the tile does.
            let moved = inner.iter().any(|l| dims.contains(l.dim));
            let stays = stays(&inner, dims);
            let again = inner.iter().filter(|l| !dims.contains(l.dim) && !has(stays, l.dim));
            let again: u64 = if moved { again.map(|l| l.trips).product() } else { 1 };
            let words = match operand {
                Operand::I => {
                    let side = |side: usize, out: Dim, tap: Dim| -> u64 {
                        let kinds = |d: Dim| [(t.tiles[1][d], trips[d] - 1), (last[d], 1)];
                        let pairs = kinds(out).into_iter().flat_map(|o| kinds(tap).map(|k| (o, k)));
                        let sizes = pairs.filter(|((_, a), (_, b))| a * b > 0);
                        sizes.map(|((o, a), (k, b))| a * b * shape.side(side, o, k)).sum()
                    };
                    shape.input_channels(extent) * side(0, Dim::Y, Dim::R) * side(1, Dim::X, Dim::S)
                }
                Operand::W | Operand::O => shape.words(operand, extent),
            };
            self.l1[i] += again * words * if moved { tiles } else { fresh[i] };
        }
    }
}
