//! An interpreter of the control table: reads a layer's packed descriptor as the hardware does and walks the engines' jobs.
//!
//! Beside the descriptor's bits it knows what the hardware has built in: slots, latency, pipeline depths, lanes of the
//! drain and of the output unit, the tokens' constants of docs/timing.md. It shares no code with the schedule's durations,
//! the walk or the fast model: extents, trip counts and loop sets come from the bits.

use naas::arch::accelerator::Accelerator;
use naas::arch::geometry::Geometry;
use naas::rtl::descriptor::placed;
use std::collections::BTreeMap;

/// What the interpreter found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// End of the last write job.
    pub cycles: u64,
    /// Jobs of read, W, I, compute, drain and write.
    pub jobs: [u64; 6],
    /// Their issue cycles.
    pub busy: [u64; 6],
}

const READ: usize = 0;
const LOAD_W: usize = 1;
const LOAD_I: usize = 2;
const COMPUTE: usize = 3;
const DRAIN: usize = 4;
const WRITE: usize = 5;
/// Loops: G, N, off-chip K C Y X R S, level-2 K C Y X R S.
const LOOPS: usize = 14;
const OFFCHIP: u64 = 0xff;
/// Dimensions.
const K: usize = 0;
const C: usize = 1;
const Y: usize = 2;
const X: usize = 3;
const R: usize = 4;
const S: usize = 5;

/// Fields by name.
struct Fields(BTreeMap<&'static str, Vec<u64>>);

impl Fields {
    fn read(bytes: &[u8]) -> Self {
        let bit = |at: u32| u64::from(bytes[at as usize / 8] >> (at % 8) & 1);
        let element = |at: u32, width: u32| (0..width).map(|i| bit(at + i) << i).sum();
        Self(
            placed()
                .map(|(f, at)| {
                    (
                        f.name,
                        (0..f.count).map(|i| element(at + i * f.width, f.width)).collect(),
                    )
                })
                .collect(),
        )
    }

    fn get(&self, name: &str, i: usize) -> u64 {
        self.0[name][i]
    }
}

/// Ends of the last jobs that used the last two tiles of a memory, newest first; zero where there was none.
#[derive(Clone, Copy, Default)]
struct Slot {
    left: [u64; 2],
    slots: u32,
}

impl Slot {
    fn new(slots: u32) -> Self {
        Self { left: [0; 2], slots }
    }

    /// The tile in use is left for a new one: when its slot, or with two slots the one before, can be filled.
    fn turn(&mut self, used_until: u64) -> u64 {
        self.left = [used_until, self.left[0]];
        match self.left[usize::from(self.slots == 2)] {
            0 => 1,
            end => end + 1,
        }
    }
}

struct Machine<'a> {
    f: Fields,
    a: &'a Accelerator,
    at: [u64; LOOPS],
    run: Run,
    end: [u64; 6],
    ready: [u64; 3],
    o_free: u64,
}

/// Runs the layer of a descriptor on `a`.
pub fn run(bytes: &[u8], a: &Accelerator) -> Run {
    let mut machine = Machine {
        f: Fields::read(bytes),
        a,
        at: [0; LOOPS],
        run: Run::default(),
        end: [0; 6],
        ready: [0; 3],
        o_free: 0,
    };
    machine.all();
    machine.run
}

impl Machine<'_> {
    /// Trips of a loop minus one, as they are here.
    fn last(&self, l: usize) -> u64 {
        if l < 8 {
            return self.f.get("offchip_last", l);
        }
        let d = l - 8;
        self.f.get("l2_last", 2 * d + usize::from(self.edge(d)))
    }

    /// Whether the off-chip loop over a dimension is at its last trip.
    fn edge(&self, d: usize) -> bool {
        self.at[2 + d] == self.f.get("offchip_last", 2 + d)
    }

    /// Full, last or edge.
    fn class(&self, d: usize) -> usize {
        match (self.at[8 + d] == self.last(8 + d), self.edge(d)) {
            (false, _) => 0,
            (true, false) => 1,
            (true, true) => 2,
        }
    }

    fn by_class(&self, name: &str, d: usize) -> u64 {
        self.f.get(name, self.class(d))
    }

    fn by_edge(&self, name: &str, d: usize) -> u64 {
        self.f.get(name, usize::from(self.edge(d)))
    }

    fn multi(&self) -> u64 {
        (0..LOOPS).map(|l| u64::from(self.last(l) > 0) << l).sum()
    }

    /// Loops that step next, itself and all that wrap inside it; none after the last pass.
    fn next(&self) -> Option<u64> {
        let inner = |l: usize| self.f.get("inner", l);
        // The innermost loop that has a trip left: it has the fewest loops inside.
        (0..LOOPS)
            .filter(|&l| self.at[l] < self.last(l))
            .min_by_key(|&l| inner(l).count_ones())
            .map(|l| inner(l) | 1 << l)
    }

    /// Whether stepping the loops of `from` gives an operand a new array tile, and a new level-2 tile.
    fn moved(&self, relevant: &str, from: Option<u64>) -> [bool; 2] {
        let Some(from) = from else { return [true; 2] };
        let moved = from & self.f.get(relevant, 0) & self.multi();
        // A step of an off-chip loop has others of its level inside, or is alone.
        [moved != 0, moved & OFFCHIP != 0]
    }

    fn job(&mut self, engine: usize, tokens: &[u64], cycles: u64) -> u64 {
        let start = tokens.iter().fold(self.end[engine].max(1), |start, &t| start.max(t));
        self.end[engine] = start + cycles;
        self.run.jobs[engine] += 1;
        self.run.busy[engine] += cycles;
        self.end[engine]
    }

    fn all(&mut self) {
        let (b, l) = (&self.a.buffers, &self.a.l2);
        let mut slots = [
            b.W.slots,
            b.I.slots,
            b.psum.slots,
            l.W.slots,
            l.I.slots,
            l.P.slots,
            l.O.slots,
        ]
        .map(Slot::new);
        // What the first pass moves: everything, from slots that nobody used.
        let mut before: [[bool; 2]; 4] = [[true; 2]; 4];
        loop {
            self.read(before, &mut slots);
            self.pass(before, &mut slots);
            let from = self.next();
            let after = ["w_relevant", "i_relevant", "p_relevant", "o_relevant"].map(|name| self.moved(name, from));
            if after[3][0] {
                self.drain();
            }
            if after[3][1] {
                self.write();
            }
            let Some(from) = from else { return };
            self.step(from);
            before = after;
        }
    }

    /// Steps the outermost loop of `from`, and rewinds the others.
    fn step(&mut self, from: u64) {
        let inner = |l: &usize| self.f.get("inner", *l).count_ones();
        let of = (0..LOOPS).filter(|l| from >> l & 1 == 1);
        let Some(outermost) = of.clone().max_by_key(inner) else {
            return;
        };
        let next = self.at[outermost] + 1;
        for l in of {
            self.at[l] = 0;
        }
        self.at[outermost] = next;
    }

    /// New level-2 tiles: I, then W, then P.
    fn read(&mut self, new: [[bool; 2]; 4], slots: &mut [Slot; 7]) {
        let to_use = u64::from(self.a.offchip.latency_cycles) + 3;
        let channel = if self.f.get("depthwise", 0) == 1 { K } else { C };
        if new[1][1] {
            let reach = |i: usize, d| self.f.get("rd_reach", 2 * i + usize::from(self.edge(d)));
            let beats = (self.by_edge("rd_blocks_last", channel) + 1)
                * (reach(0, Y) + reach(2, R) + 1)
                * (reach(1, X) + reach(3, S) + 1);
            let free = slots[4].turn(self.end[LOAD_I]);
            self.ready[1] = self.job(READ, &[free], beats) + to_use;
        }
        if new[0][1] {
            let edges = [K, C, R, S]
                .iter()
                .enumerate()
                .map(|(i, &d)| usize::from(self.edge(d)) << i)
                .sum();
            let free = slots[3].turn(self.end[LOAD_W]);
            self.ready[0] = self.job(READ, &[free], self.f.get("rd_w_beats_last", edges) + 1) + to_use;
        }
        if new[2][1] {
            let free = slots[5].turn(self.end[DRAIN]);
            self.ready[2] = self.job(READ, &[free], self.by_edge("rd_p_beats_last", K) + 1) + to_use;
        }
        if new[3][1] {
            self.o_free = slots[6].turn(self.end[WRITE]);
        }
    }

    fn pass(&mut self, new: [[bool; 2]; 4], slots: &mut [Slot; 7]) {
        let g = Geometry::of(self.a).pipeline;
        let mut tokens = Vec::new();
        if new[0][0] {
            let cycles = (self.by_class("wl_groups_last", K) + 1)
                * (self.by_class("wl_c_last", C) + 1)
                * (self.by_class("wl_r_last", R) + 1)
                * (self.by_class("wl_s_last", S) + 1);
            let free = slots[0].turn(self.end[COMPUTE]);
            let ready = if new[0][1] { self.ready[0] } else { 0 };
            tokens.push(self.job(LOAD_W, &[free, ready], cycles) + 1 + u64::from(g.w_network));
        }
        if new[1][0] {
            let channel = if self.f.get("depthwise", 0) == 1 { K } else { C };
            let reach = |i: usize, d| self.f.get("reach", 3 * i + self.class(d));
            let cycles = (self.by_class("il_groups_last", channel) + 1)
                * (reach(0, Y) + reach(2, R) + 1)
                * (reach(1, X) + reach(3, S) + 1);
            let free = slots[1].turn(self.end[COMPUTE]);
            let ready = if new[1][1] { self.ready[1] } else { 0 };
            tokens.push(self.job(LOAD_I, &[free, ready], cycles) + 1 + u64::from(g.i_network));
        }
        if new[3][0] {
            tokens.push(slots[2].turn(self.end[DRAIN]));
        }
        let share = |d| self.f.get("share_last", 3 * d + self.class(d)) + 1;
        let cycles = (0..6).map(share).product();
        self.job(COMPUTE, &tokens, cycles);
    }

    fn drain(&mut self) {
        let g = Geometry::of(self.a).pipeline;
        let mut cycles = (self.by_class("dr_groups_last", K) + 1)
            * (self.by_class("dr_y_last", Y) + 1)
            * (self.by_class("dr_x_last", X) + 1);
        // Sums are complete when every reduction loop is at its last trip.
        let outputs = self.f.get("o_relevant", 0);
        if (0..LOOPS).all(|l| outputs >> l & 1 == 1 || self.at[l] == self.last(l)) {
            cycles *= u64::from(self.a.lanes.drain / self.a.requantizers);
            cycles += self.f.get("accumulate", 0) * u64::from(g.output_unit);
        }
        let token = self.end[COMPUTE] + 3 + u64::from(g.tree);
        self.job(DRAIN, &[token, self.ready[2], self.o_free], cycles);
        // Later drains come after this one, and so after what it waited for.
        (self.ready[2], self.o_free) = (0, 0);
    }

    fn write(&mut self) {
        let unit = u64::from(Geometry::of(self.a).pipeline.output_unit);
        let beats = (self.by_edge("wr_blocks_last", K) + 1)
            * (self.by_edge("wr_y_last", Y) + 1)
            * (self.by_edge("wr_x_last", X) + 1);
        let token = self.end[DRAIN] + 4 + unit;
        self.run.cycles = self.job(WRITE, &[token], beats);
    }
}
