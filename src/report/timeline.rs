//! The timeline of a layer as a picture: one lane per engine, one box per job, cycles to scale.
//!
//! A long layer shows its first and last passes exactly and, between them, how busy each engine is in equal parts of the
//! middle, as bars; each stretch has an axis of its own. Operands differ in lightness and hatching, so that a grey print tells
//! them apart as well.

use crate::base::dims::Dim;
use crate::cost::counts::PerEngine;
use crate::cost::timeline::{CELLS, LANES, Middle, Span, Timeline};
use crate::cost::walk::{Engine, Job};
use crate::mapping::schedule::{LOOP_G, LOOP_N, Operand, l2_loop, offchip_loop};
use crate::report::svg::{Anchor, Fill, Svg};

const WIDTH: f64 = 1200.0;
const LEFT: f64 = 130.0;
const RIGHT: f64 = 80.0;
const TOP: f64 = 92.0;
const LANE: f64 = 40.0;
const BOX: f64 = 28.0;
const GAP: f64 = 26.0;

/// Width of the middle's bars relative to all stretches.
const MIDDLE_SHARE: f64 = 0.24;

const BAR: &str = "#8a8a8a";
const RULE: &str = "#bbbbbb";

/// Operands from dark to light; parameters are hatched.
const COLOURS: [(Operand, &str, &str); 4] = [
    (Operand::W, "#1f4e79", "weights"),
    (Operand::I, "#d9822b", "inputs"),
    (Operand::P, "url(#parameters)", "parameters"),
    (Operand::O, "#c4dfcc", "sums and outputs"),
];

/// What a layer's timeline is called and how long the whole layer takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caption {
    /// Layer, network, accelerator.
    pub title: String,
    /// Cycles of the layer around its jobs (descriptor, latencies, record), which the picture leaves out.
    pub overhead: u64,
}

/// The picture of `t` as an SVG file.
#[must_use]
pub fn draw(t: &Timeline, caption: &Caption) -> String {
    let height = TOP + LANE * LANES.len() as f64 + 58.0;
    let mut svg = Svg::new(WIDTH, height, &caption.title);
    svg.hatch("parameters", "#fff3c4", "#8a6d00");
    head(&mut svg, t, caption);
    lanes(&mut svg, &t.walk.tally.busy, t.walk.cycles);
    let stretches = Stretch::place(t);
    for stretch in &stretches {
        match &stretch.content {
            Content::Jobs(span) => jobs(&mut svg, stretch, span),
            Content::Bars(middle) => bars(&mut svg, stretch, middle),
        }
        axis(&mut svg, stretch);
    }
    svg.finish()
}

/// A stretch of cycles with its place in the picture.
struct Stretch<'a> {
    from: u64,
    to: u64,
    x: f64,
    width: f64,
    content: Content<'a>,
}

enum Content<'a> {
    Jobs(&'a Span),
    Bars(&'a Middle),
}

impl<'a> Stretch<'a> {
    /// All stretches from left to right: spans share the width by their cycles, but none takes less than a third of it.
    fn place(t: &'a Timeline) -> Vec<Self> {
        let parts = t.spans.len() + usize::from(t.middle.is_some());
        let room = WIDTH - LEFT - RIGHT - GAP * (parts.max(1) - 1) as f64;
        let middle = if t.middle.is_some() { MIDDLE_SHARE * room } else { 0.0 };
        let cycles = |s: &Span| (s.to.saturating_sub(s.from).max(1)) as f64;
        let all: f64 = t.spans.iter().map(cycles).sum();
        let share = |s: &Span| (cycles(s) / all).clamp(1.0 / 3.0, if t.spans.len() > 1 { 2.0 / 3.0 } else { 1.0 });
        let mut x = LEFT;
        let mut placed = Vec::with_capacity(parts);
        for (i, span) in t.spans.iter().enumerate() {
            if i > 0
                && let Some(m) = &t.middle
            {
                placed.push(Self {
                    from: m.from,
                    to: m.to,
                    x,
                    width: middle,
                    content: Content::Bars(m),
                });
                x += middle + GAP;
            }
            let width = share(span) * (room - middle);
            placed.push(Self {
                from: span.from,
                to: span.to,
                x,
                width,
                content: Content::Jobs(span),
            });
            x += width + GAP;
        }
        placed
    }

    /// Where a cycle lies; those outside at the nearer end.
    fn at(&self, cycle: u64) -> f64 {
        let length = self.to.saturating_sub(self.from).max(1) as f64;
        let inside = cycle.clamp(self.from, self.to.max(self.from)) - self.from;
        self.x + self.width * inside as f64 / length
    }
}

fn head(svg: &mut Svg, t: &Timeline, caption: &Caption) {
    svg.text([20.0, 28.0], 17, Anchor::Start, &caption.title);
    let mut note = format!(
        "{} passes in {} cycles, and {} cycles around them; boxes are jobs, from their first to their last issue cycle",
        t.walk.tally.counts.jobs.compute, t.walk.cycles, caption.overhead
    );
    if t.middle.is_some() {
        note += "; bars: share of cycles in which the engine is busy";
    }
    if t.cut {
        note += "; NOT all jobs are shown, choose fewer cycles";
    }
    svg.text([20.0, 47.0], 12, Anchor::Start, &note);
    let mut x = LEFT;
    for (_, colour, name) in COLOURS {
        svg.rect([x, 60.0, 16.0, 12.0], &outlined(colour), "");
        svg.text([x + 22.0, 70.0], 12, Anchor::Start, name);
        x += 44.0 + 7.0 * name.len() as f64;
    }
    if t.middle.is_some() {
        svg.rect([x, 60.0, 16.0, 12.0], &plain(BAR), "");
        svg.text([x + 22.0, 70.0], 12, Anchor::Start, "busy, summed up");
    }
    svg.text([WIDTH - 12.0, 70.0], 12, Anchor::End, "busy in all");
}

fn lanes(svg: &mut Svg, busy: &PerEngine, cycles: u64) {
    let names = [
        "off-chip read",
        "load weights",
        "load inputs",
        "compute",
        "drain",
        "off-chip write",
    ];
    let figures = [busy.read, busy.w, busy.i, busy.compute, busy.drain, busy.write];
    for (i, (name, figure)) in names.into_iter().zip(figures).enumerate() {
        let y = TOP + LANE * i as f64;
        let middle = y + BOX / 2.0 + 4.0;
        svg.text([LEFT - 12.0, middle], 13, Anchor::End, name);
        let share = 100.0 * figure as f64 / cycles.max(1) as f64;
        svg.text([WIDTH - 12.0, middle], 12, Anchor::End, &format!("{share:.1} %"));
    }
}

fn lane(engine: Engine) -> f64 {
    let position = LANES.iter().position(|&e| e == engine).unwrap_or_default();
    TOP + LANE * position as f64
}

fn jobs(svg: &mut Svg, stretch: &Stretch, span: &Span) {
    for job in &span.jobs {
        let (left, right) = (stretch.at(job.start), stretch.at(job.end));
        let colour = COLOURS.iter().find(|c| c.0 == job.operand).map_or(BAR, |c| c.1);
        // A box of less than a pixel would vanish.
        let width = (right - left).max(0.7);
        let fill = if width > 2.5 { outlined(colour) } else { plain(colour) };
        svg.rect([left, lane(job.engine), width, BOX], &fill, &tip(job));
    }
}

fn bars(svg: &mut Svg, stretch: &Stretch, middle: &Middle) {
    for (engine, busy) in LANES.into_iter().zip(&middle.busy) {
        let base = lane(engine) + BOX;
        svg.line([stretch.x, base, stretch.x + stretch.width, base], RULE, false);
        for (i, &cycles) in busy.iter().enumerate().take(CELLS) {
            let (from, to) = (middle.cell(i), middle.cell(i + 1));
            let share = cycles as f64 / (to - from).max(1) as f64;
            let (left, right) = (stretch.at(from), stretch.at(to));
            if cycles > 0 {
                let tip = format!("cycles {from} to {}: {:.1} % busy", to - 1, 100.0 * share);
                svg.rect([left, base - BOX * share, right - left, BOX * share], &plain(BAR), &tip);
            }
        }
    }
}

/// A cycle axis with round numbers, and dashed ends where the stretch is a part.
fn axis(svg: &mut Svg, stretch: &Stretch) {
    let y = TOP + LANE * LANES.len() as f64;
    let end = stretch.x + stretch.width;
    svg.line([stretch.x, y, end, y], "#222222", false);
    for x in [stretch.x, end] {
        svg.line([x, TOP - 6.0, x, y], RULE, true);
    }
    let step = step(
        stretch.to.saturating_sub(stretch.from).max(1),
        (stretch.width / 80.0) as u64,
    );
    let mut tick = stretch.from.div_ceil(step) * step;
    while tick <= stretch.to {
        let x = stretch.at(tick);
        svg.line([x, y, x, y + 5.0], "#222222", false);
        svg.text([x, y + 19.0], 11, Anchor::Middle, &tick.to_string());
        tick += step;
    }
    let what = match stretch.content {
        Content::Jobs(_) => format!("cycles {} to {}", stretch.from, stretch.to.saturating_sub(1)),
        Content::Bars(_) => format!("cycles {} to {}, in {CELLS} parts", stretch.from, stretch.to - 1),
    };
    svg.text([stretch.x + stretch.width / 2.0, y + 40.0], 12, Anchor::Middle, &what);
}

/// The distance of about `ticks` ticks over `length`: 1, 2 or 5 times a power of ten.
fn step(length: u64, ticks: u64) -> u64 {
    let least = length.div_ceil(ticks.max(1)).max(1);
    let mut unit = 1;
    loop {
        for factor in [1, 2, 5] {
            if unit * factor >= least || unit > u64::MAX / 50 {
                return unit * factor;
            }
        }
        unit *= 10;
    }
}

const fn plain(colour: &str) -> Fill<'_> {
    Fill { colour, border: None }
}

const fn outlined(colour: &str) -> Fill<'_> {
    Fill {
        colour,
        border: Some("#555555"),
    }
}

/// What a pointer is told of a job: its cycles, and the trips of the loops that have left their first one.
fn tip(job: &Job) -> String {
    let mut loops = Vec::new();
    for (name, l) in [("group", LOOP_G), ("image", LOOP_N)] {
        if job.at[l] > 0 {
            loops.push(format!("{name} {}", job.at[l]));
        }
    }
    for (level, of) in [("off-chip", offchip_loop as fn(Dim) -> usize), ("level-2", l2_loop)] {
        for d in Dim::ALL {
            if job.at[of(d)] > 0 {
                loops.push(format!("{level} {d} {}", job.at[of(d)]));
            }
        }
    }
    let operand = COLOURS.iter().find(|c| c.0 == job.operand).map_or("", |c| c.2);
    format!(
        "{operand}: cycles {} to {} ({} long){}{}",
        job.start,
        job.end.saturating_sub(1),
        job.end - job.start,
        if loops.is_empty() { "" } else { "; trips: " },
        loops.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::stream;
    use crate::cost::timeline::{Window, timeline};
    use crate::mapping::random::{Limits, random_triple};

    #[test]
    fn ticks_are_round() {
        assert_eq!(
            [(10, 10), (100, 7), (1234, 5), (999_999, 8)].map(|(l, t)| step(l, t)),
            [1, 20, 500, 200_000]
        );
        assert!(step(u64::MAX, 3) > 0);
    }

    #[test]
    fn every_job_of_a_window_is_a_box_with_its_cycles() {
        for seed in 0..40 {
            let s = random_triple(&mut stream(seed, &[4]), &Limits::default()).schedule();
            for window in [Window::Ends, Window::Cycles { from: 20, count: 400 }] {
                let t = timeline(&s, window);
                let caption = Caption {
                    title: "layer <1>".into(),
                    overhead: 7,
                };
                let file = draw(&t, &caption);
                assert!(file.is_ascii() && file.contains("layer &lt;1&gt;"));
                let jobs: usize = t.spans.iter().map(|s| s.jobs.len()).sum();
                assert_eq!(file.matches(" long)").count(), jobs, "{seed}");
                for job in t.spans.iter().flat_map(|s| &s.jobs) {
                    assert!(file.contains(&format!("cycles {} to {} (", job.start, job.end - 1)));
                }
                assert_eq!(draw(&t, &caption), file);
            }
        }
    }
}
