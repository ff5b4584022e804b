//! `naas cost`: exact cycles, counts, energy and area of a design, with the bounds that no mapping undercuts.

use crate::base::diag::Result;
use crate::cli::args::CostArgs;
use crate::cli::costs::{Priced, Text, document, price};
use crate::cli::inputs;
use crate::cli::plan::CostPlan;
use crate::cli::session::Session;

/// Prices the networks of a design.
///
/// # Errors
/// Those of reading the design and the technology; `E0105` for a network that the design does not hold.
pub fn run(args: &CostArgs, session: &Session) -> anyhow::Result<()> {
    let plan = CostPlan::resolve(args)?;
    let technology = inputs::technology(&plan.technology)?;
    let (design, _) = inputs::design(&plan.design)?;
    let networks = match &plan.network {
        Some(name) => vec![design.network(Some(name))?.clone()],
        None => design.networks.clone(),
    };
    let priced: Vec<Priced> = networks
        .into_iter()
        .map(|n| price(&technology, &design.accelerator, n))
        .collect::<Result<_>>()?;
    let a = &design.accelerator;
    session.output.result(&document(a, &priced), &Text(a, &priced))
}
