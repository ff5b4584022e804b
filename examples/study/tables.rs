//! The tables: designs over the floor, and ratios over baselines.

use crate::codesign::{Design, Found};
use crate::{Baseline, Outcome};
use naas::report::plots::quantile;
use naas::report::reproduction::ratios;
use naas::report::reproduction::studied::{CEILINGS, WITHIN, studied};
use naas::report::table::{head, line, spread};
use naas::search::problem::Figures;

/// Energy-delay product of `theirs` over `ours`.
fn edp(theirs: &[Figures], ours: &[Figures]) -> f64 {
    ratios(theirs, ours)[2]
}

fn array(f: &Found) -> String {
    let Design { machine, axes } = &f.design;
    let axes: Vec<String> = axes.iter().map(|(dims, size)| format!("{}{size}", dims[0])).collect();
    format!("{}, {} B, {} KiB", axes.join(" x "), machine.l1, machine.l2 >> 10)
}

impl Outcome {
    /// Energy-delay product of `theirs` over every design.
    fn over(&self, theirs: &[Figures]) -> Vec<f64> {
        self.found.iter().map(|f| edp(theirs, &f.figures)).collect()
    }

    /// Cycles, energy and their product of every design over the floor.
    fn over_floor(&self) -> [Vec<f64>; 3] {
        let all: Vec<[f64; 3]> = self.found.iter().map(|f| ratios(&f.figures, &self.floor)).collect();
        [0, 1, 2].map(|i| all.iter().map(|r| r[i]).collect())
    }
}

/// A line about an outcome.
pub fn summary(o: &Outcome) -> String {
    let [.., edp] = o.over_floor();
    format!("EDP {} times the floor", spread(&edp))
}

/// What is to be said of `values` beside a figure of the study.
fn verdict(values: &[f64], figure: f64) -> &'static str {
    if values.iter().all(|v| *v >= WITHIN * figure) {
        "reached"
    } else if quantile(values, 0.5) >= WITHIN * figure {
        "reached by the median"
    } else {
        "not reached"
    }
}

/// A figure of the study beside ours.
fn compared(values: &[f64], figure: Option<f64>) -> [String; 2] {
    match figure {
        Some(figure) => [
            format!("{} of {figure:.2}", spread(values)),
            verdict(values, figure).into(),
        ],
        None => [spread(values), "-".into()],
    }
}

/// How far the study's design is above the floor in cycles, energy and their product: its ceilings over its ratios.
fn above(ceiling: [f64; 2], over_fixed: [Option<f64>; 3]) -> Option<[f64; 3]> {
    let [speed, energy] = ceiling;
    let [over_speed, over_energy, over_edp] = over_fixed;
    Some([speed / over_speed?, energy / over_energy?, speed * energy / over_edp?])
}

/// What is to be said of designs above the floor, where less is better: of all three figures, if it is not the same.
fn verdicts(ours: &[Vec<f64>; 3], theirs: [f64; 3]) -> String {
    let inverse = |values: &[f64]| values.iter().map(|v| 1.0 / v).collect::<Vec<_>>();
    let each = [0, 1, 2].map(|i| verdict(&inverse(&ours[i]), 1.0 / theirs[i]));
    if each.iter().all(|v| *v == each[0]) {
        return each[0].into();
    }
    format!("cycles {}, energy {}, EDP {}", each[0], each[1], each[2])
}

fn three(values: [f64; 3]) -> String {
    values.map(|v| format!("{v:.2}")).join(" / ")
}

/// Baselines and designs over the floor.
fn designs(all: &[Outcome]) -> String {
    let mut text = head(&[
        "claim",
        "widths",
        "baseline",
        "fixed over the floor, the study: cycles / energy",
        "ours",
        "searched over the floor",
        "design over the floor, the study: cycles / energy / EDP",
        "ours, medians",
        "EDP",
        "",
        "arrays, L1 per PE, L2",
    ]);
    for o in all {
        for b in &o.baselines {
            let stated = CEILINGS
                .iter()
                .find(|c| c.0 == b.flow.name && o.form == "wide" && o.claim != "C10");
            let ceiling = stated.map(|c| c.1);
            let over_fixed = studied(b.flow.name, o.form, o.claim).map(|s| s.over_fixed);
            let theirs = ceiling.zip(over_fixed).and_then(|(c, f)| above(c, f));
            let ours = o.over_floor();
            let [fixed, searched] = [&b.fixed, &b.searched].map(|f| ratios(f, &o.floor));
            let arrays: Vec<String> = o.found.iter().map(array).collect();
            text += &line(&[
                o.claim.into(),
                o.form.into(),
                b.flow.name.into(),
                ceiling.map_or("-".into(), |[s, e]| format!("{s:.2} / {e:.2}")),
                format!("{:.2} / {:.2}", fixed[0], fixed[1]),
                format!("{:.2} / {:.2}", searched[0], searched[1]),
                theirs.map_or("-".into(), three),
                three([0, 1, 2].map(|i| quantile(&ours[i], 0.5))),
                spread(&ours[2]),
                theirs.map_or("-".into(), |t| verdicts(&ours, t)),
                arrays.join("; "),
            ]);
        }
    }
    text
}

/// Designs over one baseline.
fn row(o: &Outcome, b: &Baseline) -> String {
    let s = studied(b.flow.name, o.form, o.claim);
    let printed = s.and_then(|s| s.over_fixed[2]);
    let searched = o.over(&b.searched);
    let [over_searched, searched_verdict] = compared(&searched, s.and_then(|s| s.over_searched));
    let [over_fixed, fixed_verdict] = compared(&o.over(&b.fixed), printed);
    let orders: Vec<f64> = b.grown.iter().map(|g| quantile(&o.over(g), 0.5)).collect();
    let enough = printed.map_or("-".into(), |p| {
        let reached = orders.iter().filter(|r| **r >= WITHIN * p).count();
        format!("{:.0} %", 100.0 * reached as f64 / orders.len() as f64)
    });
    let [low, median, high] = [0.25, 0.5, 0.75].map(|q| quantile(&orders, q));
    // A fixed mapping that costs as many times the searched one as the study's did: no costlier than the study's, unless its
    // searched mapping was cheaper than ours.
    let gained = printed.zip(s.and_then(|s| s.over_searched)).map(|(f, s)| f / s);
    let theirs = gained.map(|g| searched.iter().map(|v| g * v).collect::<Vec<_>>());
    let [over_theirs, their_verdict] = theirs.map_or_else(|| ["-".into(), "-".into()], |t| compared(&t, printed));
    let costs = [gained, Some(edp(&b.fixed, &b.searched))];
    let costs = costs.map(|g| g.map_or("-".into(), |g| format!("{g:.2}"))).join(", ");
    line(&[
        o.claim.into(),
        o.form.into(),
        b.flow.name.into(),
        over_searched,
        searched_verdict,
        over_fixed,
        fixed_verdict,
        costs,
        over_theirs,
        their_verdict,
        format!("{median:.2} ({low:.2}-{high:.2})"),
        enough,
    ])
}

/// Both tables.
pub fn all(all: &[Outcome]) -> String {
    let mut text = designs(all);
    text += "\nEDP over the baselines:\n\n";
    text += &head(&[
        "claim",
        "widths",
        "baseline",
        "over searched, ours of the study's",
        "",
        "over fixed",
        "",
        "fixed over searched: the study, ours",
        "over fixed as costly as the study's",
        "",
        "tiles growing in any order: median, quartiles",
        "orders over which the study's is reached",
    ]);
    for o in all {
        for b in &o.baselines {
            text += &row(o, b);
        }
    }
    text
}
