//! `naas nas --ablation`: what searching network and accelerator together is worth.

use crate::base::diag::{Code, Diagnostic, Result};
use crate::base::files;
use crate::cli::inputs;
use crate::cli::nas::Job;
use crate::cli::output::{Align, Table};
use crate::cli::plan::NasHardware;
use crate::cli::progress::Progress;
use crate::cli::search::chip;
use crate::cli::spaces;
use crate::nas::ablation::{Start, Way, ablate};
use crate::nas::space::Genotype;
use crate::report::plots::{Group, Labels, boxes, quantile};
use serde::Serialize;
use serde_json::json;

/// What one search found, mapped once more.
#[derive(Debug, Serialize)]
struct Row {
    way: Way,
    seed: u64,
    network: String,
    top1: f64,
    cycles: u64,
    energy_pj: f64,
    edp: f64,
    /// EDP of the start over this.
    gain: f64,
    /// Layers mapped during the search.
    layers: u64,
}

/// Searches in all ways with every seed; writes the rows and a plot, prints medians.
///
/// # Errors
/// `E0106` where there is no chip of the resources' name; those of the searches and of writing.
pub fn run(job: &Job, seeds: u64, start: &str) -> anyhow::Result<()> {
    let NasHardware::Resources(name) = &job.plan.hardware else {
        return Err(Diagnostic::new(Code::Usage, "--ablation searches accelerators: give --resources").into());
    };
    let resources = inputs::resources(name)?;
    let chip = chip(None, &resources)?;
    let genotype = spaces::genotype(start, job.space)?;
    let space = job.accelerators(resources);
    let progress = Progress::start(job.session.output, "ablation", Some(seeds));
    let first = job.session.seed;
    let (base, rows) = job.session.with_threads(|| {
        let base = job.priced(&chip, &genotype, first)?.0.network.total.edp;
        let mut rows: Vec<Row> = Vec::new();
        for seed in first..first + seeds {
            let joint = job.joint(1, seed);
            let from = Start {
                chip: &chip,
                network: &genotype,
            };
            for found in ablate(&joint, &space, from)? {
                let total = job.priced(&found.accelerator, &found.genotype, seed)?.0.network.total;
                rows.push(Row {
                    way: found.way,
                    seed,
                    network: spaces::subnet_text(job.space, &found.genotype),
                    top1: top1(job, &found.genotype)?,
                    cycles: total.cycles,
                    energy_pj: total.energy_pj,
                    edp: total.edp,
                    gain: base / total.edp,
                    layers: found.layers,
                });
            }
            progress.show(seed + 1 - first, String::new());
        }
        Ok((base, rows))
    })?;
    let provenance = job.accuracy.provenance();
    let document = json!({
        "chip": chip.name,
        "start": start,
        "start_top1": top1(job, &genotype)?,
        "start_edp": base,
        "floor": job.plan.floor,
        "accuracy": provenance,
        "rows": rows,
    });
    let text = serde_json::to_string_pretty(&document)? + "\n";
    files::write_atomic(&job.plan.out, text.as_bytes())?;
    let picture = job.plan.out.with_extension("svg");
    files::write_atomic(&picture, plot(&rows, &chip.name, start).as_bytes())?;
    let shown = format!(
        "{}\nmedians of {seeds} seeds; gain: EDP of `{start}` on {} over the EDP found; top-1 {}, floor {} %: {}, {}",
        table(&rows),
        chip.name,
        provenance.word(),
        job.plan.floor,
        job.plan.out.display(),
        picture.display()
    );
    job.session.output.result(&document, &shown)
}

fn top1(job: &Job, genotype: &Genotype) -> Result<f64> {
    let known = job.accuracy.of(std::slice::from_ref(genotype))?;
    Ok(known.first().and_then(Option::as_ref).map_or(0.0, |a| a.calibrated))
}

/// The values of one way, ascending.
fn values(rows: &[Row], way: Way, of: impl Fn(&Row) -> f64) -> Vec<f64> {
    let mut values: Vec<f64> = rows.iter().filter(|r| r.way == way).map(of).collect();
    values.sort_by(f64::total_cmp);
    values
}

fn table(rows: &[Row]) -> Table {
    use Align::{Left, Right};
    let mut table = Table::new(&[
        ("searched", Left),
        ("gain", Right),
        ("worst", Right),
        ("best", Right),
        ("EDP", Right),
        ("top-1", Right),
        ("layers mapped", Right),
    ]);
    for way in Way::ALL {
        let of = |f: fn(&Row) -> f64| values(rows, way, f);
        let gains = of(|r| r.gain);
        table.row([
            way.as_str().to_owned(),
            format!("{:.2}x", quantile(&gains, 0.5)),
            format!("{:.2}x", quantile(&gains, 0.0)),
            format!("{:.2}x", quantile(&gains, 1.0)),
            format!("{:.3e}", quantile(&of(|r| r.edp), 0.5)),
            format!("{:.2}%", quantile(&of(|r| r.top1), 0.5)),
            format!("{:.0}", quantile(&of(|r| r.layers as f64), 0.5)),
        ]);
    }
    table
}

fn plot(rows: &[Row], chip: &str, start: &str) -> String {
    let group = |way: Way| Group {
        name: way.as_str().to_owned(),
        values: vec![values(rows, way, |r| r.gain)],
    };
    let labels = Labels {
        title: "What is searched, at equal budgets",
        subtitle: &format!("against {start} on {chip}"),
        x: "searched",
        y: "EDP of the start over the EDP found",
        labels: &["seeds"],
    };
    boxes(&labels, &Way::ALL.map(group))
}
