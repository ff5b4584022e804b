//! `naas cost`: exact cycles, counts, energy and area of designs, with the bounds that no mapping undercuts; several side by
//! side; a picture of where one layer's cycles go.

use crate::base::diag::{Code, Diagnostic, Result};
use crate::base::files;
use crate::cli::args::CostArgs;
use crate::cli::compare::{self, Compared};
use crate::cli::costs::{Priced, Text, document, price};
use crate::cli::inputs::{self, unknown_layer};
use crate::cli::plan::{CostPlan, TimelinePlan};
use crate::cli::session::Session;
use crate::cost::tech::Technology;
use crate::cost::timeline::timeline;
use crate::report::timeline::{Caption, draw};
use std::path::Path;

/// Prices the networks of designs, and draws a timeline where one is asked for.
///
/// # Errors
/// Those of reading the designs and the technology; `E0105` for a network or layer that a design does not hold; those of
/// writing the picture.
pub fn run(args: &CostArgs, session: &Session) -> anyhow::Result<()> {
    let plan = CostPlan::resolve(args)?;
    let technology = inputs::technology(&plan.technology)?;
    let network = plan.network.as_deref();
    let designs: Vec<Compared> = plan
        .designs
        .iter()
        .map(|file| open(file, network, &technology))
        .collect::<Result<_>>()?;
    let [only] = designs.as_slice() else {
        return session
            .output
            .result(&compare::document(&designs), &compare::Text(&designs));
    };
    if let Some(picture) = &plan.timeline {
        draw_layer(only, picture)?;
        session.output.note(format!("timeline: {}", picture.out.display()));
    }
    let (a, priced) = (&only.accelerator, &only.priced);
    session.output.result(&document(a, priced), &Text(a, priced))
}

fn open(file: &Path, network: Option<&str>, technology: &Technology) -> Result<Compared> {
    let (design, _) = inputs::design(file)?;
    let networks = match network {
        Some(name) => vec![design.network(Some(name))?.clone()],
        None => design.networks.clone(),
    };
    let priced: Vec<Priced> = networks
        .into_iter()
        .map(|n| price(technology, &design.accelerator, n))
        .collect::<Result<_>>()?;
    Ok(Compared {
        file: file.display().to_string(),
        accelerator: design.accelerator,
        priced,
    })
}

/// Draws the layer of the first network that has it.
fn draw_layer(design: &Compared, picture: &TimelinePlan) -> Result<()> {
    let position = |p: &Priced| p.network.layers.iter().position(|l| l.name == picture.layer);
    let found = design.priced.iter().find_map(|p| position(p).map(|i| (p, i)));
    let Some((priced, i)) = found else {
        let layers = design.priced.iter().flat_map(|p| &p.network.layers);
        let names: Vec<&str> = layers.map(|l| l.name.as_str()).collect();
        return Err(unknown_layer(&picture.layer, &names).at(design.file.clone()));
    };
    let schedules = priced.network.schedules(&design.accelerator)?;
    let schedule = schedules
        .get(i)
        .ok_or_else(|| Diagnostic::new(Code::Malformed, "the design lacks a mapping").at(design.file.clone()))?;
    let drawn = timeline(schedule, picture.window);
    let caption = Caption {
        title: format!(
            "Layer `{}` of {} on accelerator `{}`",
            picture.layer, priced.network.name, design.accelerator.name
        ),
        overhead: schedule.layer_cycles(0, i == 0),
    };
    files::write_atomic(&picture.out, draw(&drawn, &caption).as_bytes())
}
