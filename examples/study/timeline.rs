//! When everything of a layer is done.

use crate::model::Machine;
use crate::tiling::{Loop, Operand, Shape, Tiling, loops, smaller};
use naas::base::dims::{Dim, PerDim};
use naas::cost::jump::iterate;

/// What has a loader.
const LOADED: [Operand; 2] = [Operand::W, Operand::I];

/// Times that the future depends on: ends of engines' last jobs, and when what they wait for is there.
mod at {
    pub const ARRAY: usize = 0;
    /// Of weights and of inputs: the loader's last end, when the place of the tile before the newest is free, when the newest
    /// tile of L2 is there, and when the place of the one before is free.
    pub const LOADED: [usize; 2] = [1, 5];
    pub const FREE: [usize; 2] = [2, 6];
    pub const READY: [usize; 2] = [3, 7];
    pub const L2_FREE: [usize; 2] = [4, 8];
    pub const DRAINED: usize = 9;
    pub const DRAINED_BEFORE: usize = 10;
    pub const READ: usize = 11;
    pub const WRITTEN: usize = 12;
    pub const WRITTEN_BEFORE: usize = 13;
    /// When a place for the newest tile of outputs in L2 is free.
    pub const O_READY: usize = 14;
    pub const ALL: usize = 15;
}

type Times = [u64; at::ALL];

/// What is done for a tile: told which dimensions just moved and which move next, and the extent.
type Body<'a> = &'a mut dyn FnMut(&mut Times, [u8; 2], &PerDim<u64>);

/// Runs `body` for every tile of `all`, outermost loop first.
fn nest(all: &[Loop], [entering, leaving]: [u8; 2], extent: &PerDim<u64>, x: &mut Times, body: Body<'_>) {
    let Some((l, inside)) = all.split_first() else {
        body(x, [entering, leaving], extent);
        return;
    };
    nest(inside, [entering, l.moves], extent, x, body);
    iterate(l.trips - 2, x, |x| {
        nest(inside, [l.moves, l.moves], extent, x, body);
    });
    let mut at_the_edge = *extent;
    at_the_edge[l.dim] = l.last;
    nest(inside, [l.moves, leaving], &at_the_edge, x, body);
}

/// Cycles of a layer.
pub fn cycles(machine: &Machine, shape: &Shape, tiling: &Tiling) -> u64 {
    const EVERYTHING: u8 = 0b11_1111;
    let run = Run { machine, shape, tiling };
    let outer = loops(tiling.orders[0], &shape.bounds, &tiling.tiles[0]);
    let full = smaller(&tiling.tiles[0], &shape.bounds);
    let mut x = [0; at::ALL];
    nest(&outer, [EVERYTHING; 2], &full, &mut x, &mut |x, moved, extent| {
        run.step(x, moved, extent);
    });
    x.into_iter().max().unwrap_or(0)
}

/// A mapping that runs.
struct Run<'a> {
    machine: &'a Machine,
    shape: &'a Shape,
    tiling: &'a Tiling,
}

impl Run<'_> {
    /// Whether an operand's tile changes when these dimensions move.
    fn changes(&self, operand: Operand, moved: u8) -> bool {
        moved & self.shape.dims(operand).bits() != 0
    }

    /// A tile of L2: what is read before, its passes, and what is written behind.
    fn step(&self, x: &mut Times, [entering, leaving]: [u8; 2], extent: &PerDim<u64>) {
        let widths = &self.machine.widths;
        let transfer = |operand| self.shape.words(operand, extent).div_ceil(widths.offchip);
        for (n, operand) in LOADED.into_iter().enumerate() {
            if self.changes(operand, entering) {
                x[at::READ] = x[at::READ].max(x[at::L2_FREE[n]]) + transfer(operand);
                x[at::L2_FREE[n]] = x[at::LOADED[n]];
                x[at::READY[n]] = x[at::READ] + widths.latency;
            }
        }
        if self.changes(Operand::O, entering) {
            x[at::O_READY] = x[at::WRITTEN_BEFORE];
        }
        let inner = loops(self.tiling.orders[1], extent, &self.tiling.tiles[1]);
        let all = inner.first().map_or(0, |l| l.moves);
        let first = smaller(&self.tiling.tiles[1], extent);
        nest(
            &inner,
            [entering | all, leaving | all],
            &first,
            x,
            &mut |x, moved, tile| {
                self.pass(x, moved, tile);
            },
        );
        if self.changes(Operand::O, leaving) {
            let written = x[at::WRITTEN];
            x[at::WRITTEN] = written.max(x[at::DRAINED]) + transfer(Operand::O);
            x[at::WRITTEN_BEFORE] = written;
        }
    }

    /// A pass of the array on one tile of L1: what is loaded before, and what is drained behind.
    fn pass(&self, x: &mut Times, [entering, leaving]: [u8; 2], tile: &PerDim<u64>) {
        let widths = &self.machine.widths;
        let before = x[at::ARRAY];
        for (n, operand) in LOADED.into_iter().enumerate() {
            if self.changes(operand, entering) {
                let start = x[at::LOADED[n]].max(x[at::FREE[n]]).max(x[at::READY[n]]);
                x[at::LOADED[n]] = start + self.shape.words(operand, tile).div_ceil(widths.network);
                x[at::FREE[n]] = before;
            }
        }
        let mut start = before.max(x[at::LOADED[0]]).max(x[at::LOADED[1]]);
        if self.changes(Operand::O, entering) {
            start = start.max(x[at::DRAINED_BEFORE]);
        }
        let steps = |d: Dim| tile[d].div_ceil(self.tiling.positions[d]);
        x[at::ARRAY] = start + Dim::ALL.map(steps).iter().product::<u64>() + 1;
        if self.changes(Operand::O, leaving) {
            let drained = x[at::DRAINED];
            let drain = self.shape.words(Operand::O, tile).div_ceil(widths.drain);
            x[at::DRAINED] = drained.max(x[at::ARRAY]).max(x[at::O_READY]) + drain;
            x[at::DRAINED_BEFORE] = drained;
        }
    }
}
