//! The table of the human baselines in docs/baselines.md, from the figures that their designs record.

use crate::base::dims::Dim;
use crate::report::table::line;
use crate::search::baselines::Version;
use crate::search::design::{Design, Totals};
use crate::search::numeric::geometric_mean;
use crate::workload::layer::LoopNest;

/// A chip's two designs, in the order of [`Version::ALL`].
pub type Pair = [Design; Version::ALL.len()];

/// Lines of a document around a table.
pub type Marks = [&'static str; 2];

/// Those around the table of the networks' figures.
pub const FIGURES: Marks = [
    "<!-- the table begins: written by `cargo run --example baselines` -->\n",
    "<!-- the table ends -->\n",
];

/// Those around the table of simulated layers.
pub const SIMULATED: Marks = [
    "<!-- the table begins: written by `cargo run --example baselines -- --rtl` -->\n",
    "<!-- the table of simulated layers ends -->\n",
];

const TITLES: [&str; 13] = [
    "baseline",
    "network",
    "cycles, fixed",
    "searched",
    "ratio",
    "energy uJ, fixed",
    "searched",
    "ratio",
    "EDP uJ x cycles, fixed",
    "searched",
    "ratio",
    "utilization %, fixed",
    "searched",
];

/// A Markdown table: a row per chip and network that both designs hold, and one with the geometric means of the ratios
/// searched / fixed per chip.
#[must_use]
pub fn table(pairs: &[Pair]) -> String {
    let mut text = line(&TITLES.map(str::to_owned));
    text += &line(&TITLES.map(|t| {
        if ["baseline", "network"].contains(&t) {
            "---"
        } else {
            "---:"
        }
        .to_owned()
    }));
    for [fixed, searched] in pairs {
        let name = &fixed.accelerator.name;
        let pes = f64::from(fixed.accelerator.pes());
        let mut ratios: [Vec<f64>; 3] = Default::default();
        for f in &fixed.networks {
            let Some(s) = searched.networks.iter().find(|s| s.name == f.name) else {
                continue;
            };
            let figures = [f.total, s.total].map(|t| [t.cycles as f64, t.energy_pj, t.edp]);
            let used =
                [f.total, s.total].map(|t: Totals| format!("{:.1}", 100.0 * t.macs as f64 / (t.cycles as f64 * pes)));
            let mut cells = vec![name.clone(), f.name.clone()];
            for (i, ratios) in ratios.iter_mut().enumerate() {
                let [fixed, searched] = figures.map(|f| f[i]);
                ratios.push(searched / fixed);
                cells.extend([number(i, fixed), number(i, searched), ratio(searched / fixed)]);
            }
            cells.extend(used);
            text += &line(&cells);
        }
        let mut cells = vec![name.clone(), "geometric mean".to_owned()];
        for ratios in &ratios {
            cells.extend([String::new(), String::new(), ratio(geometric_mean(ratios))]);
        }
        cells.extend([String::new(), String::new()]);
        text += &line(&cells);
    }
    text
}

/// A layer of a baseline as hardware and model run it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Simulated {
    /// The baseline.
    pub baseline: String,
    /// The layer's network.
    pub network: String,
    /// The layer.
    pub layer: String,
    /// Its loops.
    pub nest: LoopNest,
    /// Which mapping.
    pub version: Version,
    /// Cycles of the hardware.
    pub rtl: u64,
    /// Cycles of the model.
    pub model: u64,
}

/// A Markdown table with a row per simulated layer.
#[must_use]
pub fn simulated(rows: &[Simulated]) -> String {
    let titles = [
        "baseline",
        "network",
        "layer",
        "loops",
        "mapping",
        "cycles, RTL",
        "model",
        "difference",
    ];
    let mut text = line(&titles.map(str::to_owned));
    text += &line(&["---", "---", "---", "---", "---", "---:", "---:", "---:"].map(str::to_owned));
    for row in rows {
        let Simulated { rtl, model, .. } = *row;
        let difference = i128::from(rtl) - i128::from(model);
        text += &line(&[
            row.baseline.clone(),
            row.network.clone(),
            row.layer.clone(),
            loops(&row.nest),
            row.version.as_str().to_owned(),
            rtl.to_string(),
            model.to_string(),
            difference.to_string(),
        ]);
    }
    text
}

/// Kind and loops of a layer, and the input's step where it is not one.
fn loops(nest: &LoopNest) -> String {
    let extents = Dim::ALL.map(|d| format!("{d}{}", nest.bounds[d])).join(" ");
    let stride = nest.stride[0] * nest.subsample[0];
    let step = if stride > 1 {
        format!(", stride {stride}")
    } else {
        String::new()
    };
    format!("{} {extents}{step}", nest.kind.as_str())
}

/// `document` with the table between its two marks; none if it lacks them.
#[must_use]
pub fn splice(document: &str, [begin, end]: Marks, table: &str) -> Option<String> {
    let (head, rest) = document.split_once(begin)?;
    let (_, tail) = rest.split_once(end)?;
    Some(format!("{head}{begin}\n{table}\n{end}{tail}"))
}

/// Cycles in full, energy in microjoules, their product in a short form.
fn number(figure: usize, value: f64) -> String {
    match figure {
        0 => format!("{value:.0}"),
        1 => format!("{:.1}", value / 1e6),
        _ => format!("{:.3e}", value / 1e6),
    }
}

fn ratio(value: f64) -> String {
    format!("{value:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_go_between_their_marks() {
        for marks in [FIGURES, SIMULATED] {
            let [begin, end] = marks;
            let document = format!("head\n{begin}old\n{end}tail\n");
            let new = splice(&document, marks, "| new |\n").unwrap();
            assert_eq!(new, format!("head\n{begin}\n| new |\n\n{end}tail\n"));
            assert_eq!(splice(&new, marks, "| new |\n").unwrap(), new);
            assert_eq!(splice("head\n", marks, ""), None);
        }
        assert_eq!(table(&[]).lines().count(), 2);
        assert_eq!(simulated(&[]).lines().count(), 2);
    }
}
