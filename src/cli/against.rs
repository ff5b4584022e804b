//! Networks on other people's accelerators, which a search's results are set beside.

use crate::base::diag::{Diagnostic, Result};
use crate::cli::costs::price;
use crate::cli::inputs;
use crate::cost::tech::Technology;
use crate::search::design::Totals;
use serde::Serialize;
use std::fmt;
use std::path::{Path, PathBuf};

/// A network on the accelerator of a design.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Baseline {
    /// The design's file, as typed.
    pub design: String,
    /// The network.
    pub network: String,
    /// What it costs there.
    pub total: Totals,
}

/// How many times as good a result is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Gain {
    /// Cycles of the baseline over the result's.
    pub speed: f64,
    /// The same of energies.
    pub energy: f64,
    /// The same of energy-delay products.
    pub edp: f64,
}

impl Baseline {
    /// Prices the network of this name in each design, the first one without a name.
    ///
    /// # Errors
    /// Those of reading designs; `E0105` for a network that one of them lacks.
    pub fn open_all(designs: &[PathBuf], network: Option<&str>, technology: &Technology) -> Result<Vec<Self>> {
        let one = |file: &PathBuf| {
            let (design, _) = inputs::design(file)?;
            let named = |e: Diagnostic| e.at(file.display().to_string());
            let found = design.network(network).map_err(named)?.clone();
            let priced = price(technology, &design.accelerator, found)?;
            Ok(Self {
                design: file.display().to_string(),
                network: priced.network.name,
                total: priced.network.total,
            })
        };
        designs.iter().map(one).collect()
    }

    /// The design's file name without its ending.
    #[must_use]
    pub fn name(&self) -> &str {
        let stem = Path::new(&self.design).file_stem().and_then(|s| s.to_str());
        stem.unwrap_or(&self.design)
    }

    /// How many times as good a result is.
    #[must_use]
    pub fn gain(&self, of: &Totals) -> Gain {
        Gain {
            speed: self.total.cycles as f64 / of.cycles.max(1) as f64,
            energy: self.total.energy_pj / of.energy_pj,
            edp: self.total.edp / of.edp,
        }
    }
}

impl fmt::Display for Baseline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Totals {
            cycles, energy_pj, edp, ..
        } = self.total;
        let energy = energy_pj / 1e6;
        let Self { network, design, .. } = self;
        write!(
            f,
            "{network} on {design}: {cycles} cycles, {energy:.1} uJ, EDP {edp:.4e}"
        )
    }
}
