//! The networks that `naas nas` found: a table, a document, a plot, a folder with a design each.

use crate::base::diag::Result;
use crate::base::files;
use crate::cli::against::Baseline;
use crate::cli::costs::Priced;
use crate::cli::output::{Align, Table};
use crate::cli::spaces::{subnet_document, subnet_text};
use crate::nas::accuracy::AccuracyModel;
use crate::nas::joint::Point;
use crate::nas::space::NetworkSpace;
use crate::report::scatter::{Dot, Mark, Scatter, draw};
use crate::search::design::Design;
use serde_json::{Value, json};
use std::path::Path;

/// The file that shows that a folder is a front of ours.
const MARKER: &str = "front.json";

/// A network with its mappings, priced.
#[derive(Clone, Debug)]
pub struct Subnet {
    /// Which one, and its accuracy.
    pub point: Point,
    /// What it costs.
    pub priced: Priced,
    /// Parameters.
    pub parameters: u64,
    /// It on its accelerator.
    pub design: Design,
}

/// Networks by rising objective, and what they are set beside.
#[derive(Clone, Copy)]
pub struct Report<'a> {
    /// Where the networks come from.
    pub space: &'a dyn NetworkSpace,
    /// Where the accuracies come from.
    pub accuracy: &'a dyn AccuracyModel,
    /// The networks.
    pub subnets: &'a [Subnet],
    /// What they are set beside.
    pub baselines: &'a [Baseline],
}

impl Report<'_> {
    /// Writes `front.json`, the plot and a design per network.
    ///
    /// # Errors
    /// `E0205` where the folder cannot be written, or is no front of ours.
    pub fn write_front(&self, folder: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(&self.front()).unwrap_or_default();
        files::replace_dir(folder, MARKER, |dir| {
            files::write_atomic(&dir.join(MARKER), text.as_bytes())?;
            files::write_atomic(&dir.join("front.svg"), self.picture().as_bytes())?;
            for (i, s) in self.subnets.iter().enumerate() {
                files::write_atomic(&dir.join(format!("{i:02}.json")), s.design.to_json().as_bytes())?;
            }
            Ok(())
        })
    }

    fn front(&self) -> Value {
        let rows: Vec<Value> = self.subnets.iter().map(|s| self.row(s)).collect();
        json!({ "accuracy": self.accuracy.provenance(), "against": self.baselines, "front": rows })
    }

    /// The first network, and all of them as `front`.
    #[must_use]
    pub fn document(&self) -> Value {
        let mut document = self.front();
        if let Some(best) = self.subnets.first() {
            document["design"] = json!(best.design.hash);
            if let (Some(members), Value::Object(row)) = (document.as_object_mut(), self.row(best)) {
                members.extend(row);
            }
        }
        document
    }

    fn row(&self, s: &Subnet) -> Value {
        let total = s.priced.network.total;
        let mut row = subnet_document(self.space, &s.point.genotype, &s.point.accuracy);
        row["network"] = json!(s.priced.network.source);
        row["macs"] = json!(total.macs);
        row["parameters"] = json!(s.parameters);
        row["total"] = json!(total);
        row["over"] = self.baselines.iter().map(|b| json!(b.gain(&total))).collect();
        row
    }

    /// The networks as a table, with gains of energy-delay product over the baselines.
    #[must_use]
    pub fn table(&self) -> Table {
        use Align::{Left, Right};
        let top1 = format!("top-1 {}", self.accuracy.provenance().word());
        let over: Vec<String> = (1..=self.baselines.len()).map(|i| format!("EDP over #{i}")).collect();
        let mut titles = vec![
            (top1.as_str(), Right),
            ("raw", Right),
            ("MMACs", Right),
            ("Mparams", Right),
            ("cycles", Right),
            ("energy uJ", Right),
            ("EDP", Right),
        ];
        titles.extend(over.iter().map(|title| (title.as_str(), Right)));
        titles.push(("network", Left));
        let mut table = Table::new(&titles);
        for s in self.subnets {
            let total = s.priced.network.total;
            let a = s.point.accuracy;
            let mut cells = vec![
                format!("{:.2}%{}", a.calibrated, if a.saturated { " (saturated)" } else { "" }),
                format!("{:.4}", a.raw),
                format!("{:.1}", total.macs as f64 / 1e6),
                format!("{:.2}", s.parameters as f64 / 1e6),
                total.cycles.to_string(),
                format!("{:.1}", total.energy_pj / 1e6),
                format!("{:.4e}", total.edp),
            ];
            cells.extend(self.baselines.iter().map(|b| format!("{:.2}x", b.gain(&total).edp)));
            cells.push(subnet_text(self.space, &s.point.genotype));
            table.row(cells);
        }
        table
    }

    /// Accuracy against energy-delay product.
    fn picture(&self) -> String {
        let dot = |s: &Subnet| {
            let (edp, top1) = (s.priced.network.total.edp, s.point.accuracy.calibrated);
            Dot {
                x: edp,
                y: top1,
                area: None,
                tip: format!("{top1:.2} %, {edp:.3e}: {}", subnet_text(self.space, &s.point.genotype)),
            }
        };
        let mark = |b: &Baseline| Mark {
            x: b.total.edp,
            label: format!("{} on {}", b.network, b.name()),
        };
        let provenance = self.accuracy.provenance();
        draw(&Scatter {
            title: &format!("Networks of {} on one searched accelerator", self.space.name()),
            subtitle: &format!("accuracy {} by {}", provenance.word(), provenance.source),
            x_label: "energy-delay product, pJ x cycles",
            y_label: &format!("top-1 {}, %", provenance.word()),
            dots: &self.subnets.iter().map(dot).collect::<Vec<_>>(),
            marks: &self.baselines.iter().map(mark).collect::<Vec<_>>(),
        })
    }
}
