//! The claims' tables of a reproduction, as Markdown and JSON, and its plots.

mod gaps;
mod greedy;
mod pictures;
mod ratios;
pub mod studied;

use crate::base::dims::Dim;
use crate::report::plots::quantile;
use crate::report::table::{head, line, spread};
use crate::search::problem::Figures;
use crate::search::reproduction::{Experiment, Outcome, Question, Search};
pub use gaps::layers;
pub use pictures::plots;
pub use ratios::ratios;
use ratios::{Roofline, Row, pairs, roofline, rows, shared, study};
use serde_json::{Value, json};

/// An experiment's outcome, and the CPU seconds that it took.
pub type Ran = (Outcome, f64);

/// EDP reductions that learned co-design reports (arXiv 2010.02075), in percent.
const LEARNED: [(&str, f64); 2] = [("resnet18", 18.0), ("dqn_atari", 40.0)];

/// The outcomes of one question, with their CPU seconds.
fn of(ran: &[Ran], question: Question) -> impl Iterator<Item = &Ran> {
    ran.iter().filter(move |r| r.0.experiment.question == question)
}

fn labelled<'a>(o: &'a Outcome, label: &str) -> Vec<&'a Search> {
    o.searches.iter().filter(|s| s.label == label).collect()
}

/// The table as JSON; every search with its figures is in the outcomes' own files.
#[must_use]
pub fn document(ran: &[Ran]) -> Value {
    json!({
        "claims": rows(ran).iter().map(Row::json).collect::<Vec<_>>(),
        "study": study(ran).iter().map(Row::json).collect::<Vec<_>>(),
        "greedy": greedy::greedy(ran).iter().map(greedy::Greedy::json).collect::<Vec<_>>(),
        "shared": shared(ran).iter().map(Row::json).collect::<Vec<_>>(),
        "roofline": roofline(ran).iter().map(Roofline::json).collect::<Vec<_>>(),
        "pairs": pairs(ran).iter().map(Row::json).collect::<Vec<_>>(),
        "encodings": spreads(ran, Question::Encoding),
        "methods": spreads(ran, Question::Method),
        "learned": spreads(ran, Question::Learned),
        "time": spreads(ran, Question::Time),
    })
}

/// Labels in their order of first appearance.
fn labels(o: &Outcome) -> Vec<&str> {
    let mut all: Vec<&str> = Vec::new();
    for s in &o.searches {
        if !all.contains(&s.label.as_str()) {
            all.push(&s.label);
        }
    }
    all
}

/// Final EDPs of every label over the first label's median: medians and quartiles.
fn spreads(ran: &[Ran], question: Question) -> Vec<Value> {
    let mut all = Vec::new();
    for (o, cpu_seconds) in of(ran, question) {
        let unit = unit(o);
        for label in labels(o) {
            let values: Vec<f64> = labelled(o, label).iter().map(|s| s.edp / unit).collect();
            let [first, median, third] = [0.25, 0.5, 0.75].map(|q| quantile(&values, q));
            all.push(
                json!({"network": o.experiment.networks[0], "label": label, "median": median,
                "quartiles": [first, third], "relative_to": "the first label's median", "values": values,
                "edp": unit * median, "seeds": values.len(), "evaluations": o.experiment.budget.evaluations,
                "cpu_seconds": cpu_seconds}),
            );
        }
    }
    all
}

/// The first label's median EDP.
fn unit(o: &Outcome) -> f64 {
    let first = labels(o).first().copied().unwrap_or_default();
    quantile(&labelled(o, first).iter().map(|s| s.edp).collect::<Vec<_>>(), 0.5)
}

/// The tables as Markdown.
#[must_use]
pub fn markdown(ran: &[Ran]) -> String {
    let mut text = ratios::markdown(ran);
    text += &greedy::markdown(ran);
    text += &spread_table(ran, Question::Encoding, "Importance against index encoding (C8)");
    text += &spread_table(ran, Question::Method, "Methods (C9)");
    text += &fall(ran);
    text += &spread_table(ran, Question::Learned, "Learned co-design");
    text += &learned(ran);
    text += &time(ran);
    text += &connectivity(ran);
    text += &gaps::markdown(ran);
    text
}

/// Median, lowest and highest.
fn spread_table(ran: &[Ran], question: Question, title: &str) -> String {
    let mut text =
        format!("\n### {title}\n\nFinal EDP over the median of the first row of each network; below 1 is better.\n\n");
    text += &head(&[
        "network",
        "search",
        "median",
        "quartiles",
        "seeds x evaluations",
        "CPU s, all rows",
    ]);
    for row in spreads(ran, question) {
        let number = |v: &Value| v.as_f64().unwrap_or(f64::NAN);
        let text_of = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        text += &line(&[
            text_of(&row["network"]),
            text_of(&row["label"]),
            format!("{:.3}", number(&row["median"])),
            format!(
                "{:.3}-{:.3}",
                number(&row["quartiles"][0]),
                number(&row["quartiles"][1])
            ),
            format!("{} x {}", row["seeds"], row["evaluations"]),
            format!("{:.0}", number(&row["cpu_seconds"])),
        ]);
    }
    text
}

/// Whether the population's mean falls: its last over its first generation, per method.
fn fall(ran: &[Ran]) -> String {
    let mut text = String::new();
    for (o, _) in of(ran, Question::Method) {
        for label in labels(o) {
            let ratio = |s: &&Search| Some(s.history.last()?.2 / s.history.first()?.2);
            let ratios: Vec<f64> = labelled(o, label).iter().filter_map(ratio).collect();
            text += &format!(
                "\nMean EDP of the last over that of the first generation, {label}: {}.\n",
                spread(&ratios)
            );
        }
    }
    text
}

fn learned(ran: &[Ran]) -> String {
    let mut text =
        String::from("\nEDP reduction over the Eyeriss-like hand design, in percent (median over the seeds):\n\n");
    text += &head(&[
        "network",
        "search",
        "baseline",
        "reduction over fixed",
        "over searched",
        "printed",
    ]);
    for (o, _) in of(ran, Question::Learned) {
        let network = &o.experiment.networks[0];
        for human in &o.humans {
            for label in labels(o) {
                let ours = quantile(&labelled(o, label).iter().map(|s| s.edp).collect::<Vec<_>>(), 0.5);
                let over =
                    |f: &[Figures]| format!("{:.1}", 100.0 * (1.0 - ours / f.first().map_or(f64::NAN, Figures::edp)));
                let printed = LEARNED
                    .iter()
                    .find(|l| l.0 == network)
                    .map_or("-".to_owned(), |l| format!("{}", l.1));
                text += &line(&[
                    network.clone(),
                    label.into(),
                    human.name.clone(),
                    over(&human.fixed),
                    over(&human.searched),
                    printed,
                ]);
            }
        }
    }
    text
}

/// What a search takes, and what a longer one finds (C13).
fn time(ran: &[Ran]) -> String {
    let mut text = String::from(
        "\n### Time (C13)\n\nA full search: accelerator, connectivity, mappings, the finalists mapped again. EDP is over the \
         median of the longest search.\n\n",
    );
    text += &head(&[
        "networks",
        "resources",
        "seeds x evaluations",
        "CPU s per search",
        "EDP: median (lowest-highest)",
    ]);
    let edps = |o: &Outcome| o.searches.iter().map(|s| s.edp).collect::<Vec<f64>>();
    let longest = of(ran, Question::Time).max_by_key(|r| r.0.experiment.budget.evaluations);
    let unit = longest.map_or(f64::NAN, |r| quantile(&edps(&r.0), 0.5));
    for (o, cpu_seconds) in of(ran, Question::Time) {
        let Experiment {
            networks,
            resources,
            budget,
            ..
        } = &o.experiment;
        let edps: Vec<f64> = edps(o).iter().map(|e| e / unit).collect();
        let [low, median, high] = [0.0, 0.5, 1.0].map(|q| quantile(&edps, q));
        text += &line(&[
            networks.join(", "),
            resources.clone(),
            format!("{} x {}", budget.seeds, budget.evaluations),
            format!("{:.1}", cpu_seconds / budget.seeds as f64),
            format!("{median:.3} ({low:.3}-{high:.3})"),
        ]);
    }
    text
}

/// Best arrays per budget (C14).
fn connectivity(ran: &[Ran]) -> String {
    let mut text = String::from(
        "\n### Best arrays (C14)\n\nA pair of C and K, R and Y, or X and Y is one of the published dataflows.\n\n",
    );
    text += &head(&["experiment", "seed", "array", "published dataflow", "area mm2", "EDP"]);
    for (o, _) in of(ran, Question::Baseline).chain(of(ran, Question::Study)) {
        for s in labelled(o, "full") {
            let name = |(dims, size): (&Vec<Dim>, &u32)| {
                format!("{}{size}", dims.iter().map(ToString::to_string).collect::<String>())
            };
            let array: Vec<String> = s.axes.iter().zip(&s.sizes).map(name).collect();
            let known = if published(&s.axes) { "yes" } else { "no" };
            text += &line(&[
                o.experiment.name.clone(),
                s.seed.to_string(),
                array.join(" x "),
                known.into(),
                format!("{:.2}", s.area_um2 / 1e6),
                format!("{:.4e}", s.edp),
            ]);
        }
    }
    text
}

/// Whether the axes run C and K, R and Y, or X and Y, one each.
fn published(axes: &[Vec<Dim>]) -> bool {
    let mut dims: Vec<Dim> = axes.iter().flatten().copied().collect();
    dims.sort();
    [[Dim::K, Dim::C], [Dim::Y, Dim::R], [Dim::Y, Dim::X]]
        .iter()
        .any(|pair| {
            let mut pair = pair.to_vec();
            pair.sort();
            dims == pair && axes.len() == 2
        })
}

#[cfg(test)]
mod tests;
