//! Plots of many searches: medians with quartiles over their course, and boxes side by side.

use crate::report::scatter::{decades, step};
use crate::report::svg::{Anchor, Fill, Svg};
use crate::search::numeric::ln;

/// Values of several searches at the same points.
#[derive(Clone, Debug, PartialEq)]
pub struct Course {
    /// What the legend calls it.
    pub name: String,
    /// Where, and one value per search.
    pub points: Vec<(f64, Vec<f64>)>,
}

/// Values of one thing in several searches, beside others of its group.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// What stands below it.
    pub name: String,
    /// One list per label, in the order of [`Labels::labels`].
    pub values: Vec<Vec<f64>>,
}

/// What a plot is called.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Labels<'a> {
    /// Over the picture.
    pub title: &'a str,
    /// Second line: what is shown, where it comes from.
    pub subtitle: &'a str,
    /// Under the axis across.
    pub x: &'a str,
    /// Over the axis upwards.
    pub y: &'a str,
    /// Names of the boxes of a group.
    pub labels: &'a [&'a str],
}

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 480.0;
/// Left, top, right and bottom of the field.
const FIELD: [f64; 4] = [76.0, 104.0, WIDTH - 24.0, HEIGHT - 56.0];
const COLOURS: [&str; 6] = ["#1f4e79", "#c55a11", "#548235", "#7f6000", "#7030a0", "#7f7f7f"];
const GRID: &str = "#dddddd";

/// The value below which `share` of the sorted values lie, by linear interpolation (type 7 of Hyndman and Fan).
#[must_use]
pub fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let place = share * last as f64;
    let low = (place as usize).min(last);
    let high = (low + 1).min(last);
    sorted[low] + (place - low as f64) * (sorted[high] - sorted[low])
}

/// Positions upwards.
struct Scale {
    low: f64,
    high: f64,
    logarithmic: bool,
    ticks: Vec<f64>,
}

impl Scale {
    fn of(values: &[f64], logarithmic: bool, from_zero: bool) -> Self {
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if logarithmic {
            let ticks = decades(low, high);
            let bottom = ticks.iter().rfind(|t| **t <= low).copied().unwrap_or(low);
            let top = ticks
                .iter()
                .find(|t| **t >= high && **t > bottom)
                .copied()
                .unwrap_or(high * 2.0);
            let ticks = ticks.into_iter().filter(|t| (bottom..=top).contains(t)).collect();
            return Self {
                low: bottom,
                high: top,
                logarithmic,
                ticks,
            };
        }
        let low = if from_zero { low.min(0.0) } else { low };
        let step = step(high - low);
        let first = (low / step).floor();
        let count = (high / step).ceil() - first;
        let ticks: Vec<f64> = (0..=count.max(1.0) as u32)
            .map(|i| (first + f64::from(i)) * step)
            .collect();
        Self {
            low: ticks[0],
            high: ticks[ticks.len() - 1],
            logarithmic,
            ticks,
        }
    }

    fn up(&self, y: f64) -> f64 {
        let share = if self.logarithmic {
            ln(y / self.low) / ln(self.high / self.low)
        } else {
            (y - self.low) / (self.high - self.low)
        };
        FIELD[3] - (FIELD[3] - FIELD[1]) * share.clamp(0.0, 1.0)
    }

    fn name(&self, tick: f64) -> String {
        if self.logarithmic && !(0.01..10_000.0).contains(&tick) {
            return format!("{tick:.0e}");
        }
        let decimals = if self.logarithmic || self.high - self.low > 8.0 {
            0
        } else {
            2
        };
        let text = format!("{tick:.decimals$}");
        if self.logarithmic && tick < 1.0 {
            format!("{tick}")
        } else {
            text
        }
    }
}

/// Title, grid upwards, legend.
fn frame(labels: &Labels, scale: &Scale, names: &[&str]) -> Svg {
    let mut svg = Svg::new(WIDTH, HEIGHT, labels.title);
    svg.text([20.0, 28.0], 16, Anchor::Start, labels.title);
    svg.text([20.0, 48.0], 11, Anchor::Start, labels.subtitle);
    svg.text([FIELD[0], FIELD[1] - 12.0], 12, Anchor::Start, labels.y);
    svg.text([FIELD[2], HEIGHT - 12.0], 12, Anchor::End, labels.x);
    for &tick in &scale.ticks {
        let y = scale.up(tick);
        svg.line([FIELD[0], y, FIELD[2], y], GRID, false);
        svg.text([FIELD[0] - 8.0, y + 4.0], 11, Anchor::End, &scale.name(tick));
    }
    let mut x = FIELD[0];
    for (name, colour) in names.iter().zip(COLOURS.iter().cycle()) {
        svg.rect([x, 62.0, 12.0, 12.0], &Fill { colour, border: None }, "");
        svg.text([x + 18.0, 72.0], 12, Anchor::Start, name);
        x += 44.0 + 7.0 * name.chars().count() as f64;
    }
    svg
}

/// Medians (solid) and quartiles (dashed) of courses over a logarithmic axis upwards.
#[must_use]
pub fn courses(labels: &Labels, courses: &[Course]) -> String {
    let drawn = |p: &(f64, Vec<f64>)| [0.25, 0.75].map(|share| quantile(&p.1, share));
    let all: Vec<f64> = courses.iter().flat_map(|c| c.points.iter().flat_map(drawn)).collect();
    let right = courses
        .iter()
        .flat_map(|c| c.points.iter().map(|p| p.0))
        .fold(0.0, f64::max);
    let scale = Scale::of(&all, true, false);
    let names: Vec<&str> = courses.iter().map(|c| c.name.as_str()).collect();
    let mut svg = frame(labels, &scale, &names);
    let across = |x: f64| FIELD[0] + (FIELD[2] - FIELD[0]) * x / right.max(1e-9);
    let tick = step(right);
    for i in 0..=(right / tick) as u32 {
        let x = f64::from(i) * tick;
        svg.line([across(x), FIELD[1], across(x), FIELD[3]], GRID, false);
        svg.text([across(x), FIELD[3] + 18.0], 11, Anchor::Middle, &format!("{x:.0}"));
    }
    for (course, colour) in courses.iter().zip(COLOURS.iter().cycle()) {
        for (share, width, dashed) in [(0.25, 1.0, true), (0.75, 1.0, true), (0.5, 2.0, false)] {
            let at = |p: &(f64, Vec<f64>)| [across(p.0), scale.up(quantile(&p.1, share))];
            let points: Vec<[f64; 2]> = course.points.iter().map(at).collect();
            svg.path(&points, colour, width, dashed);
        }
    }
    svg.finish()
}

/// Boxes from the lower to the upper quartile with the median, whiskers to the extremes, in groups; one line at `y = 1`.
#[must_use]
pub fn boxes(labels: &Labels, groups: &[Group]) -> String {
    let all = groups.iter().flat_map(|g| g.values.iter().flatten().copied());
    let all: Vec<f64> = all.chain([1.0]).collect();
    let scale = Scale::of(&all, false, true);
    let mut svg = frame(labels, &scale, labels.labels);
    svg.line([FIELD[0], scale.up(1.0), FIELD[2], scale.up(1.0)], "#222222", true);
    let span = (FIELD[2] - FIELD[0]) / groups.len().max(1) as f64;
    for (i, group) in groups.iter().enumerate() {
        let left = FIELD[0] + span * i as f64;
        // Long names take two lines: chip and network beside each other would run into their neighbours.
        for (row, words) in group.name.split(", ").enumerate() {
            let at = [left + span / 2.0, FIELD[3] + 18.0 + 14.0 * row as f64];
            svg.text(at, 11, Anchor::Middle, words);
        }
        let room = 0.8 * span / group.values.len().max(1) as f64;
        for (j, (values, colour)) in group.values.iter().zip(COLOURS.iter().cycle()).enumerate() {
            if values.is_empty() {
                continue;
            }
            let x = left + 0.1 * span + room * j as f64;
            let middle = x + room / 2.0;
            let [low, first, median, third, high] = [0.0, 0.25, 0.5, 0.75, 1.0].map(|q| quantile(values, q));
            svg.line([middle, scale.up(high), middle, scale.up(low)], colour, false);
            let (top, bottom) = (scale.up(third), scale.up(first));
            let fill = Fill {
                colour: "#ffffff",
                border: Some(colour),
            };
            let tip = format!(
                "{}, {}: median {median:.3}, quartiles {first:.3} and {third:.3}, extremes {low:.3} and {high:.3}",
                group.name,
                labels.labels.get(j).unwrap_or(&"")
            );
            svg.rect([x + 0.1 * room, top, 0.8 * room, (bottom - top).max(1.0)], &fill, &tip);
            let y = scale.up(median);
            svg.path(&[[x + 0.1 * room, y], [x + 0.9 * room, y]], colour, 2.5, false);
        }
    }
    svg.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_by_hand() {
        let v = [4.0, 1.0, 3.0, 2.0];
        assert_eq!([0.0, 0.25, 0.5, 1.0].map(|q| quantile(&v, q)), [1.0, 1.75, 2.5, 4.0]);
        assert!(quantile(&[], 0.5).is_nan());
    }

    #[test]
    fn plots_stay_within_the_picture() {
        let labels = Labels {
            title: "a & b",
            subtitle: "s",
            x: "x",
            y: "y",
            labels: &["one", "two"],
        };
        let course = |name: &str, k: f64| Course {
            name: name.into(),
            points: (1..5)
                .map(|i| (f64::from(i), vec![k / f64::from(i), 2.0 * k / f64::from(i)]))
                .collect(),
        };
        let group = |name: &str| Group {
            name: name.into(),
            values: vec![vec![0.5, 0.7, 1.1], vec![2.0]],
        };
        for picture in [
            courses(&labels, &[course("m", 1e17), course("n", 3e17)]),
            boxes(&labels, &[group("g"), group("h")]),
        ] {
            assert!(
                picture.contains("a &amp; b") && !picture.contains("NaN") && !picture.contains("inf"),
                "{picture}"
            );
            for part in picture.split(" y=\"").skip(1) {
                let y: f64 = part.split('"').next().unwrap().parse().unwrap();
                assert!((0.0..=HEIGHT).contains(&y), "{y}");
            }
        }
    }
}
