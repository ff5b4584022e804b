//! Searched designs against human baselines: speed, energy and EDP, beside reported figures and ceilings.

use super::studied::{self, Studied, WITHIN};
use super::{Ran, head, labelled, line, of, spread};
use crate::arch::resources::Resources;
use crate::report::plots::quantile;
use crate::search::numeric::geometric_mean;
use crate::search::problem::Figures;
use crate::search::reproduction::run::SHARED;
use crate::search::reproduction::{Human, Outcome, Question, Search};
use serde_json::{Value, json};

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

/// Geometric means over networks of speed, energy and EDP of `theirs` over `ours`.
#[must_use]
pub fn ratios(theirs: &[Figures], ours: &[Figures]) -> [f64; 3] {
    let mean = |of: &dyn Fn(&Figures) -> f64| {
        geometric_mean(&theirs.iter().zip(ours).map(|(t, o)| of(t) / of(o)).collect::<Vec<_>>())
    };
    [mean(&|f| f.cycles as f64), mean(&|f| f.energy_pj), mean(&Figures::edp)]
}

/// A comparison of the searches of one experiment with one version of one baseline.
pub(super) struct Row {
    claim: String,
    networks: String,
    resources: String,
    baseline: String,
    /// What others report: speed, energy, EDP.
    printed: [Option<f64>; 3],
    /// Which share of that is enough.
    enough: f64,
    /// Per seed: speed, energy, EDP.
    ours: Vec<[f64; 3]>,
    ceiling: [f64; 3],
    /// Per seed: cycles of the floor over ours.
    roofline: Vec<f64>,
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

    /// What is to be said of the reported figures: of each, what all seeds and the ceiling allow.
    pub(super) fn verdict(&self) -> String {
        let names = ["speed", "energy", "EDP"];
        let one = |i: usize| -> Option<String> {
            let bar = self.enough * self.printed[i]?;
            let verdict = if self.ours.iter().all(|o| o[i] >= bar) {
                "reached"
            } else if bar > self.ceiling[i] {
                "above the ceiling"
            } else if self.of(i, 0.5) >= bar {
                "reached by the median"
            } else {
                "not reached"
            };
            Some(format!("{} {verdict}", names[i]))
        };
        let all: Vec<String> = (0..3).filter_map(one).collect();
        if all.is_empty() { "-".into() } else { all.join(", ") }
    }

    pub(super) fn json(&self) -> Value {
        let spread = |i: usize| json!({"median": self.of(i, 0.5), "low": self.of(i, 0.0), "high": self.of(i, 1.0)});
        json!({
            "claim": self.claim, "networks": self.networks, "resources": self.resources, "baseline": self.baseline,
            "printed": self.printed, "speed": spread(0), "energy": spread(1), "edp": spread(2),
            "ceiling": {"speed": self.ceiling[0], "energy": self.ceiling[1], "edp": self.ceiling[2]},
            "share_of_roofline": quantile(&self.roofline, 0.5),
            "evaluations": self.evaluations, "seeds": self.seeds, "cpu_seconds": self.cpu_seconds,
            "verdict": self.verdict(),
        })
    }

    fn markdown(&self) -> String {
        let bar = |i: usize| self.printed[i].map_or_else(|| "-".to_owned(), |p| format!("{p}"));
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
            format!("{:.2}", quantile(&self.roofline, 0.5)),
            format!("{} x {}", self.seeds, self.evaluations),
            format!("{:.0}", self.cpu_seconds),
            self.verdict(),
        ])
    }
}

const TITLES: [&str; 13] = [
    "claim",
    "networks",
    "resources",
    "baseline",
    "reported: speed / energy / EDP",
    "speed",
    "energy",
    "EDP",
    "ceiling: speed / energy / EDP",
    "share of the roofline",
    "seeds x evaluations",
    "CPU s, all seeds",
    "verdict",
];

/// Every comparison of the searches called `label` with the baselines of an outcome; `reported` tells what others state, by
/// baseline and version.
fn compared(
    (o, cpu_seconds): &Ran,
    label: &str,
    claim: &str,
    enough: f64,
    reported: &dyn Fn(&str, &str) -> [Option<f64>; 3],
) -> Vec<Row> {
    let e = &o.experiment;
    let searches: Vec<&Search> = labelled(o, label);
    let row = |human: &Human, version: &str, figures: &[Figures]| Row {
        claim: claim.to_owned(),
        networks: e.networks.join(", "),
        resources: e.resources.clone(),
        baseline: format!("{}, {version}", human.name),
        printed: reported(&human.name, version),
        enough,
        ours: searches.iter().map(|s| ratios(figures, &s.figures)).collect(),
        ceiling: ratios(figures, &o.floors),
        roofline: searches.iter().map(|s| ratios(&o.floors, &s.figures)[0]).collect(),
        evaluations: e.budget.evaluations,
        seeds: e.budget.seeds,
        cpu_seconds: *cpu_seconds,
    };
    let both = |h: &Human| [row(h, "fixed", &h.fixed), row(h, "searched", &h.searched)];
    o.humans.iter().flat_map(both).collect()
}

/// The comparisons of C1 to C5 and C10.
pub(super) fn rows(ran: &[Ran]) -> Vec<Row> {
    let rows = |r: &Ran| {
        let claim = claim(&r.0);
        let printed = match PRINTED.iter().find(|p| p.0 == claim) {
            Some((_, [speed, energy])) => [Some(*speed), Some(*energy), None],
            None => [None, None, (claim == "C10").then_some(C10)],
        };
        compared(r, "full", &claim, 1.0, &|_, _| printed)
    };
    of(ran, Question::Baseline).flat_map(rows).collect()
}

/// What the study states of a baseline in the setting of an outcome.
fn stated(o: &Outcome, human: &str) -> Option<&'static Studied> {
    let form = o.experiment.resources.split_once('@').map_or("", |p| p.1);
    studied::studied(human, form, &claim(o))
}

/// The study's EDP over a fixed baseline.
pub(super) fn edp_over_fixed(o: &Outcome, human: &str) -> Option<f64> {
    stated(o, human)?.over_fixed[2]
}

/// The comparisons in the study's setting.
pub(super) fn study(ran: &[Ran]) -> Vec<Row> {
    let rows = |r: &Ran| {
        let reported = |human: &str, version: &str| match (stated(&r.0, human), version) {
            (Some(s), "fixed") => s.over_fixed,
            (Some(s), _) => [None, None, s.over_searched],
            (None, _) => [None; 3],
        };
        compared(r, "full", &claim(&r.0), WITHIN, &reported)
    };
    of(ran, Question::Study).flat_map(rows).collect()
}

/// The comparisons in the study's setting where an axis may run several dimensions.
pub(super) fn shared(ran: &[Ran]) -> Vec<Row> {
    let rows = |r: &Ran| {
        let e = &r.0.experiment;
        // The study has this table for sets of networks only.
        let set = e.networks.len() > 1;
        let narrow = usize::from(e.resources.ends_with("@narrow"));
        let reported = |human: &str, version: &str| {
            let figures = studied::SHARED
                .iter()
                .find(|s| s.0 == human && set && version == "fixed");
            [None, None, figures.map(|s| s.1[narrow])]
        };
        compared(r, SHARED, &claim(&r.0), WITHIN, &reported)
    };
    of(ran, Question::Study).flat_map(rows).collect()
}

/// The share of the roofline in speed: of the searches for speed alone, and of those for EDP in the same setting.
pub(super) fn roofline(ran: &[Ran]) -> Vec<Roofline> {
    let shares = |o: &Outcome| {
        labelled(o, "full")
            .iter()
            .map(|s| ratios(&o.floors, &s.figures)[0])
            .collect()
    };
    let row = |(o, cpu_seconds): &Ran| {
        let alike = |r: &&Ran| {
            let (a, b) = (&o.experiment, &r.0.experiment);
            (&a.networks, &a.resources) == (&b.networks, &b.resources)
        };
        Roofline {
            claim: claim(o),
            networks: o.experiment.networks.join(", "),
            resources: o.experiment.resources.clone(),
            speed: shares(o),
            edp: of(ran, Question::Study).find(alike).map(|r| shares(&r.0)),
            cpu_seconds: *cpu_seconds,
        }
    };
    of(ran, Question::Speed).map(row).collect()
}

/// A line of the roofline's table.
pub(super) struct Roofline {
    claim: String,
    networks: String,
    resources: String,
    speed: Vec<f64>,
    edp: Option<Vec<f64>>,
    cpu_seconds: f64,
}

impl Roofline {
    pub(super) fn json(&self) -> Value {
        json!({
            "claim": self.claim, "networks": self.networks, "resources": self.resources,
            "share_of_roofline": self.speed, "share_where_edp_is_searched": self.edp, "cpu_seconds": self.cpu_seconds,
        })
    }

    fn markdown(&self) -> String {
        line(&[
            self.claim.clone(),
            self.networks.clone(),
            self.resources.clone(),
            spread(&self.speed),
            self.edp.as_deref().map_or_else(|| "-".to_owned(), spread),
            format!("{:.0}", self.cpu_seconds),
        ])
    }
}

/// The claim that an experiment bears on first.
pub(super) fn claim(o: &Outcome) -> String {
    o.experiment.claims.first().cloned().unwrap_or_default()
}

/// Both searches of C6 and C7.
pub(super) fn pairs(ran: &[Ran]) -> Vec<Row> {
    let rows = |r: &Ran| {
        let printed = printed_pair(&r.0).map(|p| p.0);
        let one = |label: &str, i: usize| {
            let printed = [None, None, printed.map(|p| p[i])];
            compared(r, label, &format!("C6, C7: {label}"), 1.0, &|_, _| printed)
        };
        let mut both = one("sizing", 0);
        both.extend(one("full", 1));
        both
    };
    of(ran, Question::Sizing).flat_map(rows).collect()
}

/// What the slides print of a pair of chip and network, and the study's ratio of both searches.
fn printed_pair(o: &Outcome) -> Option<([f64; 2], f64)> {
    let chip = Resources::chip(&o.experiment.resources);
    let network = o.experiment.networks.first()?;
    let mut all = PRINTED_PAIRS.iter().zip(studied::PAIRS);
    let (pair, studied) = all.find(|(p, _)| p.0 == chip && p.1 == network)?;
    Some((pair.2, studied))
}

/// EDP reduction over the fixed baseline: sizing, full, and full over sizing, per seed.
pub(super) fn reductions(o: &Outcome) -> Option<[Vec<f64>; 3]> {
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

/// The tables of comparisons, that of sizing over the full search, and that of the roofline.
pub(super) fn markdown(ran: &[Ran]) -> String {
    let tables = [
        (
            "Human baselines (C1 to C5, C10)",
            "Ratios over the baseline, above 1 is better: median over the seeds (lowest-highest). Geometric means over the networks, \
             one design for all of them.",
            rows(ran),
        ),
        (
            "In the setting of an earlier study",
            "All chips at the same widths, prices `45nm-unwired`. Reported are the study's figures; 95 % of one counts as reaching it.",
            study(ran),
        ),
        (
            "In that setting, with axes over several dimensions",
            "The same searches where an axis may run R and C, S and C, R and S and C, R and S, or Y and X, split anew for each layer. NAAS has \
             no such axes. Reported is the study's EDP with two dimensions per axis, any two.",
            shared(ran),
        ),
        (
            "Sizing only, and the full search (C6, C7)",
            "One design per network. Reported is EDP from the authors' slides.",
            pairs(ran),
        ),
    ];
    let mut text = String::new();
    for (title, words, rows) in tables {
        text += &format!("### {title}\n\n{words}\n\n{}", head(&TITLES));
        text.extend(rows.iter().map(Row::markdown));
        text.push('\n');
    }
    text + &sizing_over_full(ran) + &roofline_table(ran)
}

fn roofline_table(ran: &[Ran]) -> String {
    let mut text = String::from(
        "\n### Share of the roofline\n\nIn the study's setting, cycles of the roofline over ours, geometric mean over the networks: \
         of searches for cycles alone, and of those for EDP. Median over the seeds (lowest-highest).\n\n",
    );
    text += &head(&[
        "claim",
        "networks",
        "resources",
        "searched for cycles",
        "searched for EDP",
        "CPU s, all seeds",
    ]);
    text.extend(roofline(ran).iter().map(Roofline::markdown));
    text
}

fn sizing_over_full(ran: &[Ran]) -> String {
    let mut text = String::from("EDP of sizing only over that of the full search:\n\n");
    text += &head(&["resources", "network", "printed", "the study's, wide", "ours"]);
    for (o, _) in of(ran, Question::Sizing) {
        let [_, _, over] = reductions(o).unwrap_or_default();
        let stated = printed_pair(o).map(|(p, studied)| [p[1] / p[0], studied].map(|r| format!("{r:.2}")));
        let [printed, studied] = stated.unwrap_or_else(|| ["-".into(), "-".into()]);
        text += &line(&[
            o.experiment.resources.clone(),
            o.experiment.networks.join(", "),
            printed,
            studied,
            spread(&over),
        ]);
    }
    text
}
