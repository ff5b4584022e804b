//! A picture of the array and its links, `array.svg`: one panel per operand, a few positions of each axis.
//!
//! Axis 0 runs downwards, axis 1 to the right, axis 2 (if there is one) over planes side by side.

use crate::arch::accelerator::Accelerator;
use crate::arch::connectivity::{Datum, Link, diagonal, link};
use crate::base::diag::Result;
use crate::base::dims::Dim;
use crate::rtl::hardware::Hardware;
use crate::rtl::render::render;
use serde::Serialize;

/// The picture's template.
pub const TEMPLATE: &str = include_str!("../../templates/array.svg.tera");

/// Positions of an axis that are drawn.
const SHOWN: [u32; 3] = [4, 4, 2];
/// Side of a PE.
const CELL: u32 = 26;
/// Distance of PEs.
const PITCH: u32 = 52;
/// Where the first PE of a panel stands.
const ORIGIN: [u32; 2] = [50, 62];

/// View of `array.svg.tera`; lengths in pixels.
#[derive(Clone, Debug, Serialize)]
pub struct PictureView {
    /// What the design is.
    pub title: String,
    /// Which part is drawn.
    pub note: String,
    /// Width of the picture.
    pub width: u32,
    /// Height of the picture.
    pub height: u32,
    /// Side of a PE.
    pub cell: u32,
    /// Where the legend begins.
    pub legend_y: u32,
    /// One panel per operand.
    pub panels: Vec<Panel>,
}

/// One operand on the array.
#[derive(Clone, Debug, Serialize)]
pub struct Panel {
    /// Left edge.
    pub x: u32,
    /// Base line of the name.
    pub y: u32,
    /// Operand.
    pub name: String,
    /// How many buffers there are, and of which size.
    pub buffers: String,
    /// What leads to or from them.
    pub network: String,
    /// PEs.
    pub cells: Vec<Point>,
    /// Links between PEs.
    pub links: Vec<Line>,
    /// Buffers.
    pub dots: Vec<Point>,
    /// Names of axes.
    pub labels: Vec<Label>,
}

/// A point.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Point {
    /// From the left.
    pub x: u32,
    /// From the top.
    pub y: u32,
}

/// A link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Class in the picture's style.
    pub kind: &'static str,
    /// From the left, first end.
    pub x1: u32,
    /// From the top, first end.
    pub y1: u32,
    /// From the left, second end.
    pub x2: u32,
    /// From the top, second end.
    pub y2: u32,
}

/// A text.
#[derive(Clone, Debug, Serialize)]
pub struct Label {
    /// From the left.
    pub x: u32,
    /// From the top.
    pub y: u32,
    /// The text.
    pub text: String,
}

/// The picture of a design.
///
/// # Errors
/// As [`render`].
pub fn svg(hw: &Hardware) -> Result<String> {
    render("array.svg", TEMPLATE, &PictureView::new(hw))
}

/// Position along the axes; those that the array does not have are at zero.
type At = [u32; 3];

/// The array's axes, as drawn.
struct Drawing {
    /// Dimensions and size, per axis.
    axes: Vec<(Vec<Dim>, u32)>,
    /// Positions drawn, per axis.
    shown: At,
}

impl PictureView {
    /// The view of a design.
    #[must_use]
    pub fn new(hw: &Hardware) -> Self {
        let a = &hw.accelerator;
        let drawing = Drawing::of(a);
        let names: Vec<String> = drawing
            .axes
            .iter()
            .map(|(dims, size)| format!("{} {size}", joined(dims)))
            .collect();
        let [rows, columns, planes] = drawing.shown;
        let height = ORIGIN[1] + rows * PITCH + 30;
        let width = (ORIGIN[0] + planes * (columns * PITCH + 30)).max(340);
        let panels: Vec<Panel> = (0..)
            .zip(operands(hw))
            .map(|(i, operand)| drawing.panel(operand, 20 + i * (width + 20), 80))
            .collect();
        Self {
            title: format!("{} array of {} PEs", names.join(" x "), a.pes()),
            note: if drawing.is_whole() {
                "all PEs are drawn".to_owned()
            } else {
                format!("the first {rows} x {columns} x {planes} PEs are drawn, the others repeat the pattern")
            },
            width: 20 + 3 * (width + 20),
            height: 80 + height + 80,
            cell: CELL,
            legend_y: 80 + height + 20,
            panels,
        }
    }
}

/// An operand with what its panel says of it.
struct Operand {
    datum: Datum,
    name: &'static str,
    buffers: String,
    network: String,
}

fn operands(hw: &Hardware) -> [Operand; 3] {
    let (a, g, b) = (&hw.accelerator, &hw.geometry, &hw.accelerator.buffers);
    let slots = |n: u32| if n == 1 { "one slot" } else { "two slots" };
    let of = |n: u32, size: String, slots: &str| {
        format!("{n} buffers of {size} in each of {slots}").replace("each of one slot", "one slot")
    };
    [
        Operand {
            datum: Datum::Weight,
            name: "W: weights",
            buffers: of(g.w_buffers, format!("{} B", b.W.bytes), slots(b.W.slots)),
            network: format!("{} B a cycle from level 2, dealt along K", a.lanes.W),
        },
        Operand {
            datum: Datum::Input,
            name: "I: inputs",
            buffers: of(g.i_buffers, format!("{} B", b.I.bytes), slots(b.I.slots)),
            network: format!("{} B a cycle from level 2, dealt along C", a.lanes.I),
        },
        Operand {
            datum: Datum::Sum,
            name: "O: partial sums",
            buffers: of(g.psum_buffers, format!("{} words", b.psum.words), slots(b.psum.slots)),
            network: format!("{} sums a cycle to level 2, taken along K", a.lanes.drain),
        },
    ]
}

impl Drawing {
    fn of(a: &Accelerator) -> Self {
        let axes: Vec<(Vec<Dim>, u32)> = a.axes.iter().map(|axis| (axis.dims.clone(), axis.size)).collect();
        let shown = std::array::from_fn(|i| axes.get(i).map_or(1, |axis| axis.1.min(SHOWN[i])));
        Self { axes, shown }
    }

    fn is_whole(&self) -> bool {
        self.axes.iter().zip(self.shown).all(|(axis, shown)| axis.1 == shown)
    }

    fn places(&self) -> impl Iterator<Item = At> {
        let [rows, columns, planes] = self.shown;
        (0..planes).flat_map(move |p| (0..rows).flat_map(move |r| (0..columns).map(move |c| [r, c, p])))
    }

    /// Upper left corner of a PE.
    fn corner(&self, [row, column, plane]: At) -> Point {
        Point {
            x: ORIGIN[0] + plane * (self.shown[1] * PITCH + 30) + column * PITCH,
            y: ORIGIN[1] + row * PITCH,
        }
    }

    fn panel(&self, operand: Operand, x: u32, y: u32) -> Panel {
        let datum = operand.datum;
        let shared = |i: usize| matches!(linked(datum, &self.axes[i].0), Link::Multicast | Link::Reduce);
        let owns = |at: &At| (0..self.axes.len()).all(|i| at[i] == 0 || !shared(i));
        let dot = |at: At| {
            let corner = self.corner(at);
            Point {
                x: corner.x + CELL / 2,
                y: corner.y + CELL / 2,
            }
        };
        Panel {
            x,
            y,
            name: operand.name.to_owned(),
            buffers: operand.buffers,
            network: operand.network,
            cells: self.places().map(|at| self.corner(at)).collect(),
            links: self.links(datum),
            dots: self.places().filter(owns).map(dot).collect(),
            labels: self.labels(),
        }
    }

    /// The links of every drawn PE to its next neighbours.
    fn links(&self, datum: Datum) -> Vec<Line> {
        let mut lines = Vec::new();
        for at in self.places() {
            for (i, (dims, _)) in self.axes.iter().enumerate() {
                let kind = match linked(datum, dims) {
                    Link::Unicast => continue,
                    Link::Multicast => "multicast",
                    Link::Halo => "halo",
                    Link::Reduce => "reduce",
                };
                let mut to = at;
                to[i] += 1;
                lines.extend(self.line(kind, at, to));
            }
            for i in 0..self.axes.len() {
                for j in i + 1..self.axes.len() {
                    let [a, b] = [i, j].map(|axis| &self.axes[axis].0);
                    let moves = a.iter().any(|&a| b.iter().any(|&b| diagonal(a, b)));
                    let meet = datum == Datum::Input && moves;
                    if meet && at[j] > 0 {
                        let mut to = at;
                        to[i] += 1;
                        to[j] -= 1;
                        lines.extend(self.line("diagonal", at, to));
                    }
                }
            }
        }
        lines
    }

    /// A line between two PEs, if both are drawn.
    fn line(&self, kind: &'static str, from: At, to: At) -> Option<Line> {
        let inside = to.iter().zip(self.shown).all(|(&at, shown)| at < shown);
        let [a, b] = [from, to].map(|at| self.corner(at));
        inside.then_some(Line {
            kind,
            x1: a.x + CELL / 2,
            y1: a.y + CELL / 2,
            x2: b.x + CELL / 2,
            y2: b.y + CELL / 2,
        })
    }

    fn labels(&self) -> Vec<Label> {
        let [rows, _, _] = self.shown;
        let place = |i: usize| match i {
            0 => Point {
                x: 4,
                y: ORIGIN[1] + CELL / 2 + 4,
            },
            1 => Point {
                x: ORIGIN[0],
                y: ORIGIN[1] - 10,
            },
            _ => Point {
                x: ORIGIN[0],
                y: ORIGIN[1] + rows * PITCH + 4,
            },
        };
        let arrow = ["down", "right", "planes"];
        (0..)
            .zip(&self.axes)
            .map(|(i, (dims, _))| {
                let Point { x, y } = place(i);
                let text = format!("{} {}", joined(dims), arrow[i.min(2)]);
                Label { x, y, text }
            })
            .collect()
    }
}

/// The dimensions of an axis, for people.
fn joined(dims: &[Dim]) -> String {
    let names: Vec<String> = dims.iter().map(ToString::to_string).collect();
    names.join("/")
}

/// The link along an axis, whatever it runs: windows of neighbours overlap if they do for one of its dimensions.
fn linked(datum: Datum, dims: &[Dim]) -> Link {
    let links: Vec<Link> = dims.iter().map(|&d| link(datum, d)).collect();
    let halo = links.iter().copied().find(|&l| l == Link::Halo);
    halo.or(links.first().copied()).unwrap_or(Link::Unicast)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::connectivity::buffers;
    use crate::base::rng;
    use crate::mapping::random::{Limits, random_set_on};

    fn single(dims: &[Dim]) -> Vec<Vec<Dim>> {
        dims.iter().map(|&d| vec![d]).collect()
    }

    fn view(dims: &[Dim], seed: u64) -> (PictureView, Hardware) {
        let limits = Limits {
            pes: 16,
            ..Limits::default()
        };
        let hw = Hardware::new(&random_set_on(&mut rng::stream(seed, &[]), &limits, 1, &single(dims))[0].accelerator);
        (PictureView::new(&hw), hw)
    }

    /// Where every PE is drawn, there is a dot per buffer.
    #[test]
    fn dots_are_buffers() {
        let mut whole = 0;
        for (seed, dims) in (0..).zip(Dim::ALL.iter().flat_map(|&a| Dim::ALL.map(|b| [a, b]))) {
            let (view, hw) = view(&dims, seed);
            if !Drawing::of(&hw.accelerator).is_whole() {
                continue;
            }
            whole += 1;
            for (panel, datum) in view.panels.iter().zip([Datum::Weight, Datum::Input, Datum::Sum]) {
                assert_eq!(panel.dots.len(), buffers(&hw.accelerator, datum) as usize, "{dims:?}");
            }
        }
        assert!(whole > 5, "{whole}");
    }

    #[test]
    fn links_of_known_arrays() {
        use Dim::{C, K, R, Y};
        let kinds = |dims: &[Dim], panel: usize| {
            let drawing = Drawing {
                axes: dims.iter().map(|&d| (vec![d], 3)).collect(),
                shown: [3, 3, 1],
            };
            let mut kinds: Vec<&str> = drawing
                .links([Datum::Weight, Datum::Input, Datum::Sum][panel])
                .iter()
                .map(|l| l.kind)
                .collect();
            kinds.dedup();
            (kinds.first().copied(), kinds.contains(&"diagonal"))
        };
        assert_eq!(kinds(&[K, C], 0), (None, false));
        assert_eq!(kinds(&[K, C], 1), (Some("multicast"), false));
        assert_eq!(kinds(&[K, C], 2), (Some("reduce"), false));
        assert_eq!(kinds(&[Y, R], 0), (Some("multicast"), false));
        assert_eq!(kinds(&[Y, R], 1), (Some("halo"), true));
    }

    #[test]
    fn no_hole_is_left_and_fields_are_used() {
        let (view, hw) = view(&[Dim::Y, Dim::R, Dim::K], 4);
        let text = svg(&hw).unwrap();
        assert!(text.is_ascii() && text.ends_with("</svg>\n"));
        for (field, _) in serde_json::to_value(&view).unwrap().as_object().unwrap() {
            assert!(TEMPLATE.contains(field.as_str()), "{field}");
        }
        assert_eq!(
            text.matches("<circle").count(),
            1 + view.panels.iter().map(|p| p.dots.len()).sum::<usize>()
        );
    }
}
