//! The claims' table of a reproduction, as Markdown and JSON, and its plots.

use crate::base::dims::Dim;
use crate::report::plots::{Course, Group, Labels, boxes, courses, quantile};
use crate::report::scatter::{Dot, Scatter, draw};
use crate::search::numeric::geometric_mean;
use crate::search::problem::Figures;
use crate::search::reproduction::{Human, Outcome, Question, Search};
use serde_json::{Value, json};

/// An experiment's outcome, and the CPU seconds that it took.
pub type Ran = (Outcome, f64);

/// Speedup and energy saving as NAAS prints them (table 2), by claim.
const PRINTED: [(&str, [f64; 2]); 5] = [
    ("C1", [2.6, 1.1]),
    ("C2", [2.2, 1.1]),
    ("C3", [4.4, 2.1]),
    ("C4", [1.7, 1.4]),
    ("C5", [4.4, 4.9]),
];
/// EDP reduction over the human baseline, sizing only and full search, as the authors' slides print it.
const PRINTED_PAIRS: [(&str, &str, [f64; 2]); 4] = [
    ("edgetpu", "vgg16", [2.1, 7.4]),
    ("edgetpu", "mobilenet_v2", [1.2, 1.7]),
    ("nvdla-1024", "vgg16", [2.3, 6.0]),
    ("nvdla-1024", "mobilenet_v2", [1.3, 2.1]),
];
/// The bar of C10: EDP against Eyeriss on ResNet50.
const C10: f64 = 4.4;
/// EDP reductions that learned co-design reports (arXiv 2010.02075), in percent.
const LEARNED: [(&str, f64); 2] = [("resnet18", 18.0), ("dqn_atari", 40.0)];

/// Geometric means over networks of speed, energy and EDP of `theirs` over `ours`.
fn ratios(theirs: &[Figures], ours: &[Figures]) -> [f64; 3] {
    let mean = |of: &dyn Fn(&Figures) -> f64| {
        geometric_mean(&theirs.iter().zip(ours).map(|(t, o)| of(t) / of(o)).collect::<Vec<_>>())
    };
    [mean(&|f| f.cycles as f64), mean(&|f| f.energy_pj), mean(&Figures::edp)]
}

/// A comparison of one search experiment with one version of one baseline.
struct Row {
    claim: String,
    networks: String,
    resources: String,
    baseline: String,
    printed: Option<[Option<f64>; 3]>,
    /// Per seed: speed, energy, EDP.
    ours: Vec<[f64; 3]>,
    ceiling: [f64; 3],
    evaluations: u64,
    seeds: u64,
    cpu_seconds: f64,
}

impl Row {
    fn of(&self, figure: usize, share: f64) -> f64 {
        quantile(&self.ours.iter().map(|o| o[figure]).collect::<Vec<_>>(), share)
    }

    /// Median with the spread over the seeds.
    fn cell(&self, figure: usize) -> String {
        let [low, median, high] = [0.0, 0.5, 1.0].map(|q| self.of(figure, q));
        format!("{median:.2} ({low:.2}-{high:.2})")
    }

    /// What is to be said of the printed figures, the most that is true first.
    fn verdict(&self) -> String {
        let Some(printed) = self.printed else { return "-".into() };
        let names = ["speed", "energy", "EDP"];
        let one = |i: usize| -> Option<String> {
            let bar = printed[i]?;
            Some(if self.ours.iter().all(|o| o[i] >= bar) {
                format!("{} reached", names[i])
            } else if bar > self.ceiling[i] {
                format!("{} above the ceiling", names[i])
            } else {
                format!("{} not reached", names[i])
            })
        };
        (0..3).filter_map(one).collect::<Vec<_>>().join(", ")
    }

    fn json(&self) -> Value {
        let spread = |i: usize| json!({"median": self.of(i, 0.5), "low": self.of(i, 0.0), "high": self.of(i, 1.0)});
        json!({
            "claim": self.claim, "networks": self.networks, "resources": self.resources, "baseline": self.baseline,
            "printed": self.printed, "speed": spread(0), "energy": spread(1), "edp": spread(2),
            "ceiling": {"speed": self.ceiling[0], "energy": self.ceiling[1], "edp": self.ceiling[2]},
            "evaluations": self.evaluations, "seeds": self.seeds, "cpu_seconds": self.cpu_seconds,
            "verdict": self.verdict(),
        })
    }

    fn markdown(&self) -> String {
        let bar = |i: usize| {
            let printed = self.printed.and_then(|p| p[i]);
            printed.map_or_else(|| "-".to_owned(), |p| format!("{p:.1}"))
        };
        let [speed, energy, edp] = self.ceiling;
        line(&[
            self.claim.clone(),
            self.networks.clone(),
            self.resources.clone(),
            self.baseline.clone(),
            format!("{} / {} / {}", bar(0), bar(1), bar(2)),
            self.cell(0),
            self.cell(1),
            self.cell(2),
            format!("{speed:.2} / {energy:.2} / {edp:.2}"),
            format!("{} x {}", self.seeds, self.evaluations),
            format!("{:.0}", self.cpu_seconds),
            self.verdict(),
        ])
    }
}

const TITLES: [&str; 12] = [
    "claim",
    "networks",
    "resources",
    "baseline",
    "printed: speed / energy / EDP",
    "speed",
    "energy",
    "EDP",
    "ceiling: speed / energy / EDP",
    "seeds x evaluations",
    "CPU s",
    "verdict",
];

fn line(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

fn head(titles: &[&str]) -> String {
    let titles: Vec<String> = titles.iter().map(|&t| t.to_owned()).collect();
    let rule: Vec<String> = titles.iter().map(|_| "---".to_owned()).collect();
    line(&titles) + &line(&rule)
}

fn labelled<'a>(o: &'a Outcome, label: &str) -> Vec<&'a Search> {
    o.searches.iter().filter(|s| s.label == label).collect()
}

/// The rows of one comparison with the human baselines.
fn rows(ran: &[Ran]) -> Vec<Row> {
    let mut rows = Vec::new();
    for (o, cpu_seconds) in ran.iter().filter(|r| r.0.experiment.question == Question::Baseline) {
        let e = &o.experiment;
        let claim = e.claims.first().cloned().unwrap_or_default();
        for human in &o.humans {
            for (version, figures) in versions(human) {
                let printed = PRINTED
                    .iter()
                    .find(|p| p.0 == claim)
                    .map(|p| [Some(p.1[0]), Some(p.1[1]), None]);
                let printed = if claim == "C10" {
                    Some([None, None, Some(C10)])
                } else {
                    printed
                };
                rows.push(Row {
                    claim: claim.clone(),
                    networks: e.networks.join(", "),
                    resources: e.resources.clone(),
                    baseline: format!("{}, {version}", human.name),
                    printed,
                    ours: o.searches.iter().map(|s| ratios(figures, &s.figures)).collect(),
                    ceiling: ratios(figures, &o.floors),
                    evaluations: e.budget.evaluations,
                    seeds: e.budget.seeds,
                    cpu_seconds: *cpu_seconds,
                });
            }
        }
    }
    rows
}

fn versions(h: &Human) -> [(&'static str, &[Figures]); 2] {
    [("fixed", &h.fixed), ("searched", &h.searched)]
}

/// The table as JSON; every search with its figures is in the outcomes' own files.
#[must_use]
pub fn document(ran: &[Ran]) -> Value {
    let pairs: Vec<Value> = ran
        .iter()
        .filter(|r| r.0.experiment.question == Question::Sizing)
        .map(pair_json)
        .collect();
    json!({
        "claims": rows(ran).iter().map(Row::json).collect::<Vec<_>>(),
        "pairs": pairs,
        "encodings": spreads(ran, Question::Encoding),
        "methods": spreads(ran, Question::Method),
        "learned": spreads(ran, Question::Learned),
    })
}

/// EDP reduction over the fixed baseline: sizing, full, and full over sizing, per seed.
fn reductions(o: &Outcome) -> Option<[Vec<f64>; 3]> {
    let fixed = geometric_mean(&o.humans.first()?.fixed.iter().map(Figures::edp).collect::<Vec<_>>());
    let edps = |label: &str| labelled(o, label).iter().map(|s| s.edp).collect::<Vec<f64>>();
    let (sizing, full) = (edps("sizing"), edps("full"));
    let both = sizing.iter().zip(&full).map(|(s, f)| s / f).collect();
    Some([
        sizing.iter().map(|s| fixed / s).collect(),
        full.iter().map(|f| fixed / f).collect(),
        both,
    ])
}

fn pair_json((o, cpu_seconds): &Ran) -> Value {
    let [sizing, full, over] = reductions(o).unwrap_or_default();
    json!({"resources": o.experiment.resources, "network": o.experiment.networks[0], "sizing": sizing, "full": full,
           "full_over_sizing": over, "evaluations": o.experiment.budget.evaluations, "cpu_seconds": cpu_seconds})
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
    for (o, cpu_seconds) in ran.iter().filter(|r| r.0.experiment.question == question) {
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
    let mut text = String::from("### Human baselines (C1 to C5, C10)\n\n");
    text += "Ratios over the baseline, above 1 is better: median over the seeds (lowest-highest).\n\n";
    text += &head(&TITLES);
    for row in rows(ran) {
        text += &row.markdown();
    }
    text += "\n### Full search over sizing only (C6, C7)\n\nEDP reduction over the human baseline with its fixed mapping.\n\n";
    text += &head(&[
        "chip",
        "network",
        "printed: sizing, full, ratio",
        "sizing",
        "full",
        "full / sizing",
    ]);
    for (o, _) in ran.iter().filter(|r| r.0.experiment.question == Question::Sizing) {
        text += &pair_line(o);
    }
    text += &spread_table(ran, Question::Encoding, "Importance against index encoding (C8)");
    text += &spread_table(ran, Question::Method, "Methods (C9)");
    text += &fall(ran);
    text += &spread_table(ran, Question::Learned, "Learned co-design");
    text += &learned(ran);
    text += &connectivity(ran);
    text += &gaps(ran);
    text
}

fn spread(values: &[f64]) -> String {
    let [low, median, high] = [0.0, 0.5, 1.0].map(|q| quantile(values, q));
    format!("{median:.2} ({low:.2}-{high:.2})")
}

fn pair_line(o: &Outcome) -> String {
    let (chip, network) = (&o.experiment.resources, &o.experiment.networks[0]);
    let printed = PRINTED_PAIRS.iter().find(|p| p.0 == chip && p.1 == network);
    let printed = printed.map_or_else(
        || "-".to_owned(),
        |p| format!("{}, {}, {:.2}", p.2[0], p.2[1], p.2[1] / p.2[0]),
    );
    let [sizing, full, over] = reductions(o).unwrap_or_default();
    line(&[
        chip.clone(),
        network.clone(),
        printed,
        spread(&sizing),
        spread(&full),
        spread(&over),
    ])
}

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
    for (o, _) in ran.iter().filter(|r| r.0.experiment.question == Question::Method) {
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
    for (o, _) in ran.iter().filter(|r| r.0.experiment.question == Question::Learned) {
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

/// Best arrays per budget (C14).
fn connectivity(ran: &[Ran]) -> String {
    let mut text = String::from(
        "\n### Best arrays (C14)\n\nA pair of C and K, R and Y, or X and Y is one of the published dataflows.\n\n",
    );
    text += &head(&["experiment", "seed", "array", "published dataflow", "area mm2", "EDP"]);
    for (o, _) in ran.iter().filter(|r| r.0.experiment.question == Question::Baseline) {
        for s in &o.searches {
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

/// Gaps of mappings to the bound (C15).
fn gaps(ran: &[Ran]) -> String {
    let mut text = String::from(
        "\n### Gap of each mapping to the bound (C15)\n\nEDP over a proven lower bound of the layer on its accelerator, minus one, in percent, over the different layers.\n\n",
    );
    text += &head(&["experiment", "layers", "median", "nine tenths below", "worst"]);
    for (o, _) in ran.iter().filter(|r| r.0.experiment.question == Question::Baseline) {
        let all: Vec<f64> = o
            .searches
            .iter()
            .flat_map(|s| s.gaps.iter().map(|g| 100.0 * g))
            .collect();
        let at = |q: f64| format!("{:.1}", quantile(&all, q));
        text += &line(&[
            o.experiment.name.clone(),
            all.len().to_string(),
            at(0.5),
            at(0.9),
            at(1.0),
        ]);
    }
    text
}

/// The plots: file names and contents.
#[must_use]
pub fn plots(ran: &[Ran]) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let of = |question| {
        ran.iter()
            .map(|r| &r.0)
            .filter(move |o| o.experiment.question == question)
    };
    for o in of(Question::Method) {
        let network = &o.experiment.networks[0];
        for (name, what, pick) in [("mean", "mean of the generation", 2), ("best", "lowest so far", 1)] {
            let labels = Labels {
                title: &format!("EDP against evaluations: {network} within {}", o.experiment.resources),
                subtitle: &format!(
                    "{what}; median (solid) and quartiles (dashed) over {} seeds",
                    o.experiment.budget.seeds
                ),
                x: "accelerators evaluated",
                y: "energy-delay product, pJ x cycles",
                labels: &[],
            };
            all.push((
                format!("methods-{name}.svg"),
                courses(&labels, &method_courses(o, pick)),
            ));
        }
    }
    let groups: Vec<Group> = of(Question::Encoding).map(relative).collect();
    if !groups.is_empty() {
        let labels = Labels {
            title: "Importance against index encoding, at equal evaluations",
            subtitle: "final EDP over importance's median, below 1 is better; boxes: quartiles and median, whiskers: extremes",
            x: "",
            y: "relative EDP",
            labels: &["importance", "index"],
        };
        all.push(("encodings.svg".into(), boxes(&labels, &groups)));
    }
    let groups: Vec<Group> = of(Question::Sizing).filter_map(sizing_group).collect();
    if !groups.is_empty() {
        let labels = Labels {
            title: "Sizing only against full search",
            subtitle: "EDP reduction over the human baseline with its fixed mapping, above 1 is better",
            x: "",
            y: "reduction",
            labels: &["sizing", "full"],
        };
        all.push(("sizing.svg".into(), boxes(&labels, &groups)));
    }
    let groups: Vec<Group> = of(Question::Learned).map(relative).collect();
    if !groups.is_empty() {
        let labels = Labels {
            title: "Learned co-design, at equal evaluations",
            subtitle: "final EDP over CMA-ES's median, below 1 is better; boxes: quartiles and median, whiskers: extremes",
            x: "",
            y: "relative EDP",
            labels: &["cma-es", "bayesian", "random"],
        };
        all.push(("learned.svg".into(), boxes(&labels, &groups)));
    }
    all.extend(
        of(Question::Front)
            .filter(|o| !o.front.is_empty())
            .map(|o| ("front.svg".into(), front(o))),
    );
    all
}

/// Values of all seeds at every generation; `pick` 2 is the mean, 1 the best so far.
fn method_courses(o: &Outcome, pick: usize) -> Vec<Course> {
    let course = |label: &str| {
        let searches = labelled(o, label);
        let generations = searches.iter().map(|s| s.history.len()).min().unwrap_or(0);
        let value = |s: &Search, g: usize| match pick {
            2 => s.history[g].2,
            _ => s.history[..=g].iter().map(|h| h.1).fold(f64::INFINITY, f64::min),
        };
        let at = |g: usize| {
            (
                searches[0].history[g].0 as f64,
                searches.iter().map(|s| value(s, g)).collect(),
            )
        };
        Course {
            name: label.into(),
            points: (0..generations).map(at).collect(),
        }
    };
    labels(o).into_iter().map(course).collect()
}

fn relative(o: &Outcome) -> Group {
    let unit = unit(o);
    let values = |label: &str| labelled(o, label).iter().map(|s| s.edp / unit).collect();
    Group {
        name: o.experiment.networks[0].clone(),
        values: labels(o).into_iter().map(values).collect(),
    }
}

fn sizing_group(o: &Outcome) -> Option<Group> {
    let [sizing, full, _] = reductions(o)?;
    let name = format!("{}, {}", o.experiment.resources, o.experiment.networks[0]);
    Some(Group {
        name,
        values: vec![sizing, full],
    })
}

fn front(o: &Outcome) -> String {
    let dot = |p: &[f64; 3]| Dot {
        x: p[0],
        y: p[1] / 1e6,
        tip: format!("{:.0} cycles, {:.1} uJ, {:.2} mm2", p[0], p[1] / 1e6, p[2] / 1e6),
    };
    draw(&Scatter {
        title: &format!(
            "Cycles, energy and area: {} within {}",
            o.experiment.networks[0], o.experiment.resources
        ),
        subtitle: "designs that no other one undercuts in all three; a pointer on a point tells its area",
        x_label: "cycles",
        y_label: "energy, uJ",
        dots: &o.front.iter().map(dot).collect::<Vec<_>>(),
        marks: &[],
    })
}

#[cfg(test)]
#[path = "reproduction_tests.rs"]
mod tests;
