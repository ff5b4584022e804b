//! How far searched mappings are from what is proven (claim C15).

use super::{Ran, head, line, of};
use crate::report::plots::quantile;
use crate::search::reproduction::{Gap, Outcome, Question};

/// The table per experiment.
pub(super) fn markdown(ran: &[Ran]) -> String {
    let mut text = String::from(
        "\n### Gaps of the searched mappings (C15)\n\nOver the different layers of all networks, in percent of EDP: above a bound \
         from counts, for all seeds; and for the best seed's design above what the exact mapper proves that no mapping \
         undercuts. `layers.md` has every layer. Where a network's sum gains by it, a layer's mapping is not the one of its \
         own lowest EDP.\n\n",
    );
    text += &head(&[
        "experiment",
        "layers",
        "above the bound: median, worst",
        "above what is proven: median, nine tenths below, worst",
        "within 1 %",
        "optimum proven",
    ]);
    for (o, _) in of(ran, Question::Baseline) {
        text += &row(o);
    }
    text
}

fn row(o: &Outcome) -> String {
    let all = o.searches.iter().flat_map(|s| &s.gaps);
    let all: Vec<f64> = all.map(|g| g.over_bound).collect();
    let proven: Vec<&Gap> = proofs(o).collect();
    let over: Vec<f64> = proven.iter().filter_map(|g| g.over_proof).collect();
    let percent = |values: &[f64], q: f64| format!("{:.1}", 100.0 * quantile(values, q));
    let of_all = |count: usize| format!("{count} of {}", proven.len());
    line(&[
        o.experiment.name.clone(),
        (all.len() / o.searches.len().max(1)).to_string(),
        format!("{}, {}", percent(&all, 0.5), percent(&all, 1.0)),
        if over.is_empty() {
            "-".into()
        } else {
            [0.5, 0.9, 1.0].map(|q| percent(&over, q)).join(", ")
        },
        of_all(over.iter().filter(|g| **g <= 0.01).count()),
        of_all(proven.iter().filter(|g| g.optimum).count()),
    ])
}

/// The layers that the exact mapper looked at.
fn proofs(o: &Outcome) -> impl Iterator<Item = &Gap> {
    let gaps = o.searches.iter().flat_map(|s| &s.gaps);
    gaps.filter(|g| g.over_proof.is_some())
}

/// Every layer of the designs whose mappings were proven, as Markdown.
#[must_use]
pub fn layers(ran: &[Ran]) -> String {
    let mut text = String::from(
        "# Gap of every searched mapping (C15)\n\nThe best design of each experiment. EDP in percent above a bound from counts, \
         and above what the exact mapper proves that no mapping of the layer undercuts on this accelerator: the optimum, if \
         some mapping attains it.\n\n",
    );
    text += &head(&[
        "experiment",
        "layer",
        "above the bound",
        "above what is proven",
        "proven is",
    ]);
    for (o, _) in of(ran, Question::Baseline) {
        for g in proofs(o) {
            text += &line(&[
                o.experiment.name.clone(),
                g.layer.clone(),
                format!("{:.1}", 100.0 * g.over_bound),
                g.over_proof.map_or_else(String::new, |p| format!("{:.2}", 100.0 * p)),
                if g.optimum { "the optimum" } else { "a bound" }.into(),
            ]);
        }
    }
    text
}
