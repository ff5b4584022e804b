//! The jobs of one layer as a person wants to see them: exact in a window, or at both ends with the middle summed up.
//!
//! Everything comes from the walk, which starts and ends every job one by one ([`crate::cost::walk`]).

use crate::cost::walk::{Constants, Engine, Job, Walk, observe, walk};
use crate::mapping::schedule::Schedule;

/// Passes shown at each end of a long layer.
const PASSES: u64 = 6;

/// Cells into which the middle of a long layer is divided.
pub const CELLS: usize = 60;

/// Jobs that a window may hold; a picture of more shows nothing.
pub const MOST_JOBS: usize = 4000;

/// Engines from top to bottom.
pub const LANES: [Engine; 6] = [
    Engine::Read,
    Engine::LoadW,
    Engine::LoadI,
    Engine::Compute,
    Engine::Drain,
    Engine::Write,
];

/// Which cycles to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// All of a short layer, the first and last passes of a long one.
    Ends,
    /// These cycles.
    Cycles {
        /// The first of them.
        from: u64,
        /// How many.
        count: u64,
    },
}

/// A stretch of cycles with all its jobs; a job that begins before or ends after it is there whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// First cycle.
    pub from: u64,
    /// One past the last cycle.
    pub to: u64,
    /// Jobs in the order of decision.
    pub jobs: Vec<Job>,
}

/// A stretch of cycles summed up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Middle {
    /// First cycle.
    pub from: u64,
    /// One past the last cycle.
    pub to: u64,
    /// Per engine (as [`LANES`]), busy cycles of each of [`CELLS`] equal cells.
    pub busy: [Vec<u64>; 6],
}

impl Middle {
    /// First cycle of cell `i`; that of cell [`CELLS`] is one past the last cycle.
    #[must_use]
    pub fn cell(&self, i: usize) -> u64 {
        let length = u128::from(self.to - self.from);
        self.from + (length * i as u128 / CELLS as u128) as u64
    }
}

/// A layer's timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeline {
    /// The whole run.
    pub walk: Walk,
    /// Stretches in order: one, or two with a middle between them.
    pub spans: Vec<Span>,
    /// What lies between two spans.
    pub middle: Option<Middle>,
    /// Whether jobs were left out because a span had more than [`MOST_JOBS`].
    pub cut: bool,
}

/// The timeline of `s`.
#[must_use]
pub fn timeline(s: &Schedule, window: Window) -> Timeline {
    let constants = Constants::of(s);
    let (spans, middle) = match window {
        Window::Cycles { from, count } => (vec![span(from, from.saturating_add(count))], None),
        Window::Ends => ends(s, &constants),
    };
    let mut shown = Timeline {
        walk: Walk::default(),
        spans,
        middle,
        cut: false,
    };
    let walked = observe(s, &constants, &mut |job| shown.add(job));
    shown.walk = walked;
    shown
}

fn span(from: u64, to: u64) -> Span {
    Span {
        from,
        to,
        jobs: Vec::new(),
    }
}

/// The whole layer, or its first and last passes and what is between.
fn ends(s: &Schedule, constants: &Constants) -> (Vec<Span>, Option<Middle>) {
    let total = walk(s);
    let passes = total.tally.counts.jobs.compute;
    let (mut pass, mut head, mut tail) = (0, 0, total.cycles);
    observe(s, constants, &mut |job| {
        if job.engine == Engine::Compute {
            pass += 1;
            if pass == PASSES {
                head = job.end;
            }
            if pass + PASSES == passes + 1 {
                tail = job.start;
            }
        }
    });
    if passes <= 3 * PASSES || head >= tail {
        return (vec![span(1, total.cycles)], None);
    }
    let middle = Middle {
        from: head,
        to: tail,
        busy: std::array::from_fn(|_| vec![0; CELLS]),
    };
    (vec![span(1, head), span(tail, total.cycles)], Some(middle))
}

impl Timeline {
    fn add(&mut self, job: &Job) {
        for span in &mut self.spans {
            if job.start < span.to && job.end > span.from {
                if span.jobs.len() < MOST_JOBS {
                    span.jobs.push(*job);
                } else {
                    self.cut = true;
                }
            }
        }
        let lane = LANES.iter().position(|&e| e == job.engine);
        let (Some(middle), Some(lane)) = (&mut self.middle, lane) else {
            return;
        };
        let (from, to) = (job.start.max(middle.from), job.end.min(middle.to));
        if from >= to {
            return;
        }
        // The cell of the first cycle, then every cell that the job reaches.
        let length = u128::from(middle.to - middle.from);
        let mut i = (u128::from(from - middle.from) * CELLS as u128 / length) as usize;
        while i < CELLS && middle.cell(i) < to {
            let (begin, end) = (middle.cell(i).max(from), middle.cell(i + 1).min(to));
            middle.busy[lane][i] += end.saturating_sub(begin);
            i += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::stream;
    use crate::mapping::random::{Limits, random_triple};

    /// Busy cycles of every engine that a timeline shows.
    fn shown(t: &Timeline) -> [u64; 6] {
        std::array::from_fn(|lane| {
            let inside = |span: &Span| -> u64 {
                let of_lane = span.jobs.iter().filter(|j| j.engine == LANES[lane]);
                of_lane.map(|j| j.end.min(span.to) - j.start.max(span.from)).sum()
            };
            let middle: u64 = t.middle.iter().flat_map(|m| &m.busy[lane]).sum();
            t.spans.iter().map(inside).sum::<u64>() + middle
        })
    }

    #[test]
    fn no_busy_cycle_is_lost() {
        let mut long = 0;
        for seed in 0..300 {
            let triple = random_triple(&mut stream(seed, &[8]), &Limits::default());
            let t = timeline(&triple.schedule(), Window::Ends);
            let b = t.walk.tally.busy;
            if !t.cut {
                assert_eq!(shown(&t), [b.read, b.w, b.i, b.compute, b.drain, b.write], "{seed}");
            }
            long += u32::from(t.middle.is_some());
        }
        assert!(long > 100, "{long}");
    }

    #[test]
    fn windows_hold_the_jobs_that_touch_them() {
        let triple = random_triple(&mut stream(3, &[8]), &Limits::default());
        let s = triple.schedule();
        let whole = walk(&s).cycles;
        let all = timeline(&s, Window::Cycles { from: 1, count: whole }).spans[0]
            .jobs
            .clone();
        let (from, count) = (whole / 3, whole / 5 + 1);
        let some = timeline(&s, Window::Cycles { from, count });
        let touching = all.into_iter().filter(|j| j.start < from + count && j.end > from);
        assert!(touching.eq(some.spans[0].jobs.iter().copied()));
    }
}
