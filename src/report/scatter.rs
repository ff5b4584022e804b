//! A scatter plot: one value against another on a logarithmic axis, each point with a tip. Points are joined in their order,
//! unless they have areas: then the larger a point, the larger what it stands for, and its figure beside it.

use crate::report::svg::{Anchor, Fill, Svg};
use crate::search::numeric::ln;

/// A point.
#[derive(Clone, Debug, PartialEq)]
pub struct Dot {
    /// Across, on a logarithmic axis; positive.
    pub x: f64,
    /// Upwards.
    pub y: f64,
    /// Area of what it stands for, in square millimetres, where that is shown.
    pub area: Option<f64>,
    /// What appears where a pointer rests on it.
    pub tip: String,
}

/// A value across that points are compared with.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// Across; positive.
    pub x: f64,
    /// Its name.
    pub label: String,
}

/// What a plot shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Scatter<'a> {
    /// Over the picture.
    pub title: &'a str,
    /// Second line: where the figures come from.
    pub subtitle: &'a str,
    /// Under the logarithmic axis.
    pub x_label: &'a str,
    /// Beside the other one.
    pub y_label: &'a str,
    /// At least one.
    pub dots: &'a [Dot],
    /// Drawn as upright lines.
    pub marks: &'a [Mark],
}

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 460.0;
/// Left, top, right and bottom of the field.
const FIELD: [f64; 4] = [70.0, 80.0, WIDTH - 30.0, HEIGHT - 60.0];
const COLOUR: &str = "#1f4e79";
const OTHERS: &str = "#b5532a";
const GRID: &str = "#dddddd";
const RADIUS: f64 = 3.5;
/// Side of the smallest square that stands for an area, and what the largest has more.
const SIDES: [f64; 2] = [4.0, 12.0];
/// Width of a digit and height of a line of the figures beside squares, and how far they are apart.
const DIGIT: f64 = 6.0;
const LINE: f64 = 11.0;
const GAP: f64 = 3.0;

/// The largest power of ten that is not above a positive number, found by steps so that it is exact.
fn decade(value: f64) -> f64 {
    let mut power = 1.0;
    while power * 10.0 <= value {
        power *= 10.0;
    }
    while power > value {
        power /= 10.0;
    }
    power
}

/// Logarithmic positions and their names: 1, 2 and 5 of every decade between two values, the bounds included.
pub(super) fn decades(low: f64, high: f64) -> Vec<f64> {
    let powers = std::iter::successors(Some(decade(low)), |p| Some(p * 10.0)).take_while(|p| *p <= 10.0 * high);
    powers.flat_map(|p| [p, 2.0 * p, 5.0 * p]).collect()
}

/// A step of 1, 2 or 5 times a power of ten that divides `span` into four to ten parts.
pub(super) fn step(span: f64) -> f64 {
    let rough = (span / 8.0).max(1e-9);
    let power = decade(rough);
    let fits = |m: &f64| m * power >= rough;
    [1.0, 2.0, 5.0].into_iter().find(fits).unwrap_or(10.0) * power
}

/// Where values lie in the picture.
struct Frame {
    /// Ends of the logarithmic axis.
    across: [f64; 2],
    /// Names on it.
    ticks: Vec<f64>,
    /// Lowest value upwards, the step between rows, and their number.
    bottom: f64,
    step: f64,
    rows: u32,
}

impl Frame {
    /// Axes that enclose everything that a plot shows.
    fn around(plot: &Scatter) -> Self {
        let extent = |values: &mut dyn Iterator<Item = f64>| {
            values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)))
        };
        let marks = plot.marks.iter().map(|m| m.x);
        let (x_low, x_high) = extent(&mut plot.dots.iter().map(|d| d.x).chain(marks));
        let (y_low, y_high) = extent(&mut plot.dots.iter().map(|d| d.y));
        let mut ticks = decades(x_low, x_high);
        if x_high < 10.0 * x_low && plot.marks.is_empty() && plot.dots.iter().any(|d| d.area.is_some()) {
            ticks = decades(x_low, x_high)
                .into_iter()
                .map(decade)
                .flat_map(|p| (1..10).map(move |i| f64::from(i) * p))
                .collect();
            ticks.sort_by(f64::total_cmp);
            ticks.dedup();
        }
        let left = ticks.iter().rfind(|t| **t <= x_low).copied().unwrap_or(x_low);
        let enough = |t: &&f64| **t >= x_high && **t > left;
        let right = ticks.iter().find(enough).copied().unwrap_or(x_high);
        let step = step(y_high - y_low);
        let bottom = (y_low / step).floor() * step;
        Self {
            across: [left, right],
            ticks,
            bottom,
            step,
            rows: (((y_high - bottom) / step).ceil() as u32).max(1),
        }
    }

    fn x(&self, value: f64) -> f64 {
        let [left, right] = self.across;
        FIELD[0] + (FIELD[2] - FIELD[0]) * ln(value / left) / ln(right / left)
    }

    fn y(&self, value: f64) -> f64 {
        FIELD[3] - (FIELD[3] - FIELD[1]) * (value - self.bottom) / (self.step * f64::from(self.rows))
    }

    /// Lines and names of both axes.
    fn draw(&self, svg: &mut Svg) {
        let [left, right] = self.across;
        for t in self.ticks.iter().filter(|t| (left..=right).contains(*t)) {
            let x = self.x(*t);
            svg.line([x, FIELD[1], x, FIELD[3]], GRID, false);
            svg.text([x, FIELD[3] + 18.0], 11, Anchor::Middle, &format!("{t:.0e}"));
        }
        let decimals = usize::from(self.step < 1.0);
        for row in 0..=self.rows {
            let value = self.bottom + f64::from(row) * self.step;
            let (y, name) = (self.y(value), format!("{value:.decimals$}"));
            svg.line([FIELD[0], y, FIELD[2], y], GRID, false);
            svg.text([FIELD[0] - 8.0, y + 4.0], 11, Anchor::End, &name);
        }
    }
}

/// The picture.
#[must_use]
pub fn draw(plot: &Scatter) -> String {
    let frame = Frame::around(plot);
    let mut svg = Svg::new(WIDTH, HEIGHT, plot.title);
    svg.text([20.0, 28.0], 16, Anchor::Start, plot.title);
    svg.text([20.0, 48.0], 11, Anchor::Start, plot.subtitle);
    frame.draw(&mut svg);
    for (i, mark) in plot.marks.iter().enumerate() {
        let (x, y) = (frame.x(mark.x), FIELD[3] - 10.0 - 16.0 * i as f64);
        svg.line([x, FIELD[1], x, FIELD[3]], OTHERS, false);
        let (at, anchor) = if x < f64::midpoint(FIELD[0], FIELD[2]) {
            (x + 6.0, Anchor::Start)
        } else {
            (x - 6.0, Anchor::End)
        };
        svg.text([at, y], 11, anchor, &mark.label);
    }
    svg.text([FIELD[0], FIELD[1] - 10.0], 12, Anchor::Start, plot.y_label);
    svg.text([FIELD[2], HEIGHT - 18.0], 12, Anchor::End, plot.x_label);
    if plot.dots.iter().any(|d| d.area.is_some()) {
        squares(&mut svg, &frame, plot.dots);
    } else {
        joined(&mut svg, &frame, plot.dots);
    }
    svg.finish()
}

fn joined(svg: &mut Svg, frame: &Frame, dots: &[Dot]) {
    for pair in dots.windows(2) {
        let [from, to] = [0, 1].map(|i| [frame.x(pair[i].x), frame.y(pair[i].y)]);
        svg.line([from[0], from[1], to[0], to[1]], COLOUR, true);
    }
    let fill = Fill {
        colour: COLOUR,
        border: None,
    };
    for dot in dots {
        let corner = [frame.x(dot.x) - RADIUS, frame.y(dot.y) - RADIUS];
        svg.rect([corner[0], corner[1], 2.0 * RADIUS, 2.0 * RADIUS], &fill, &dot.tip);
    }
}

/// Left, top, right and bottom of something drawn.
type Bounds = [f64; 4];

fn apart(a: &Bounds, b: &Bounds) -> bool {
    a[2] <= b[0] || b[2] <= a[0] || a[3] <= b[1] || b[3] <= a[1]
}

/// Squares as large as the areas, the largest first so that none hides another, and then figures beside them, each on the
/// first side where it covers neither a square nor a figure; where there is none the tip tells.
fn squares(svg: &mut Svg, frame: &Frame, dots: &[Dot]) {
    let area = |d: &Dot| d.area.unwrap_or_default();
    let largest = dots.iter().map(area).fold(1e-9, f64::max);
    let mut order: Vec<&Dot> = dots.iter().collect();
    order.sort_by(|a, b| area(b).total_cmp(&area(a)));
    let fill = Fill {
        colour: COLOUR,
        border: Some("#ffffff"),
    };
    let mut taken: Vec<Bounds> = Vec::new();
    for dot in &order {
        let side = SIDES[0] + SIDES[1] * (area(dot) / largest).sqrt();
        let corner = [frame.x(dot.x) - side / 2.0, frame.y(dot.y) - side / 2.0];
        svg.rect([corner[0], corner[1], side, side], &fill, &dot.tip);
        taken.push([corner[0], corner[1], corner[0] + side, corner[1] + side]);
    }
    for (i, dot) in order.iter().enumerate() {
        let text = format!("{:.2} mm2", area(dot));
        let [width, height] = [DIGIT * text.len() as f64, LINE];
        let [left, top, right, bottom] = taken[i];
        let (x, y) = (f64::midpoint(left, right), f64::midpoint(top, bottom));
        let places = [
            [right + GAP, y - height / 2.0],
            [x - width / 2.0, bottom + GAP],
            [x - width / 2.0, top - GAP - height],
            [left - GAP - width, y - height / 2.0],
        ];
        let bounds = places.map(|[x, y]| [x, y, x + width, y + height]);
        let inside = |b: &Bounds| b[0] >= FIELD[0] && b[1] >= FIELD[1] && b[2] <= WIDTH && b[3] <= FIELD[3];
        if let Some(at) = bounds
            .into_iter()
            .find(|b| inside(b) && taken.iter().all(|t| apart(t, b)))
        {
            svg.text([at[0], at[3] - 2.0], 10, Anchor::Start, &text);
            taken.push(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_enclose_the_dots() {
        assert_eq!(
            decades(3.0, 40.0),
            [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0]
        );
        assert_eq!([step(4.0), step(9.0), step(0.5)], [0.5, 2.0, 0.1]);
        let dot = |x, y| Dot {
            x,
            y,
            area: None,
            tip: format!("<{x}>"),
        };
        let large = |x, y| Dot {
            area: Some(y),
            ..dot(x, y)
        };
        for dots in [
            vec![dot(7.0, 3.0)],
            vec![dot(2e15, 75.0), dot(3e17, 79.4)],
            vec![large(2e5, 1.0), large(3e5, 2.0), large(3e5, 2.0)],
        ] {
            let picture = draw(&Scatter {
                title: "a & b",
                subtitle: "",
                x_label: "x",
                y_label: "y",
                dots: &dots,
                marks: &[Mark {
                    x: 3e18,
                    label: "other".into(),
                }],
            });
            assert!(
                picture.contains("a &amp; b")
                    && picture.contains("other")
                    && !picture.contains("NaN")
                    && !picture.contains("inf")
            );
            assert_eq!(picture.matches("&lt;").count(), dots.len());
            let coordinate = |name: &str| {
                let of = |part: &str| part.split('"').next().and_then(|v| v.parse::<f64>().ok());
                picture
                    .split(&format!(" {name}=\""))
                    .skip(1)
                    .filter_map(of)
                    .collect::<Vec<_>>()
            };
            assert!(coordinate("x").iter().all(|x| (0.0..=WIDTH).contains(x)));
            assert!(coordinate("y").iter().all(|y| (0.0..=HEIGHT).contains(y)));
        }
    }
}
