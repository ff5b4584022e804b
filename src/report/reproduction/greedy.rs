//! How much the ratio over a fixed baseline owes to the order in which its tiles grew.

use super::ratios::{claim, edp_over_fixed};
use super::studied::WITHIN;
use super::{Ran, head, labelled, line, of};
use crate::report::plots::quantile;
use crate::search::reproduction::{Human, Outcome, Question};
use serde_json::{Value, json};

/// One baseline, its tiles grown in every order.
pub(super) struct Greedy<'a> {
    outcome: &'a Outcome,
    human: &'a Human,
    /// EDP over the median of the searches, one per order.
    ratios: Vec<f64>,
    /// What the study states.
    studied: Option<f64>,
}

impl Greedy<'_> {
    fn at(&self, share: f64) -> f64 {
        quantile(&self.ratios, share)
    }

    /// Share of the orders over which the study's figure is reached.
    fn reached(&self) -> Option<f64> {
        let bar = WITHIN * self.studied?;
        let reached = self.ratios.iter().filter(|&&r| r >= bar).count();
        Some(reached as f64 / self.ratios.len() as f64)
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "claim": claim(self.outcome), "resources": self.outcome.experiment.resources, "baseline": self.human.name,
            "orders": self.ratios.len(), "studied": self.studied, "lowest": self.at(0.0),
            "quartiles": [self.at(0.25), self.at(0.75)], "median": self.at(0.5), "highest": self.at(1.0),
            "share_reached": self.reached(),
        })
    }

    fn markdown(&self) -> String {
        line(&[
            claim(self.outcome),
            self.outcome.experiment.resources.clone(),
            self.human.name.clone(),
            self.studied.map_or_else(|| "-".to_owned(), |s| s.to_string()),
            format!("{:.2}", self.at(0.5)),
            format!("{:.2}-{:.2}", self.at(0.25), self.at(0.75)),
            format!("{:.2}-{:.2}", self.at(0.0), self.at(1.0)),
            self.reached()
                .map_or_else(|| "-".to_owned(), |r| format!("{:.0} %", 100.0 * r)),
        ])
    }
}

/// Every baseline of the study's setting.
pub(super) fn greedy(ran: &[Ran]) -> Vec<Greedy<'_>> {
    of(ran, Question::Study)
        .flat_map(|(outcome, _)| {
            let edps: Vec<f64> = labelled(outcome, "full").iter().map(|s| s.edp).collect();
            let ours = quantile(&edps, 0.5);
            outcome
                .humans
                .iter()
                .filter(|h| !h.greedy.is_empty())
                .map(move |human| Greedy {
                    outcome,
                    human,
                    ratios: human.greedy.iter().map(|edp| edp / ours).collect(),
                    studied: edp_over_fixed(outcome, &human.name),
                })
        })
        .collect()
}

/// The table; nothing where no order was tried.
pub(super) fn markdown(ran: &[Ran]) -> String {
    let rows = greedy(ran);
    if rows.is_empty() {
        return String::new();
    }
    let titles = [
        "claim",
        "resources",
        "baseline",
        "the study's EDP",
        "median",
        "quartiles",
        "all",
        "orders over which the study's is reached",
    ];
    let text = format!(
        "\n### The same baselines with tiles that grow in any order\n\nEDP of the fixed baseline over the median of the searches, if its tiles grow \
         greedily along the dimensions in each of {} orders, the same at both levels; loop orders stay the dataflow's.\n\n",
        rows[0].ratios.len()
    );
    let rows: String = rows.iter().map(Greedy::markdown).collect();
    text + &head(&titles) + &rows
}
