//! The front of a search: designs of which none is undercut in cycles, energy and area, as a folder, a table, a picture.

use crate::base::diag::Result;
use crate::base::files;
use crate::cli::costs::describe;
use crate::cli::output::{Align, Table};
use crate::report::scatter::{Dot, Scatter, draw};
use crate::search::design::Design;
use crate::search::goal::Rated;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// The file that shows that a folder is a front of ours.
const MARKER: &str = "front.json";

/// A design and what it costs.
pub type Point = (Design, Rated);

/// Writes the folder of `points` beside `out` and names it.
///
/// # Errors
/// `E0205` where it cannot be written, or is no front of ours.
pub fn write(out: &Path, points: &[Point]) -> Result<PathBuf> {
    let folder = out.with_extension("front");
    let text = serde_json::to_string_pretty(&json!({ "front": document(points) })).unwrap_or_default();
    files::replace_dir(&folder, MARKER, |dir| {
        files::write_atomic(&dir.join(MARKER), text.as_bytes())?;
        files::write_atomic(&dir.join("front.svg"), picture(points).as_bytes())?;
        for (i, (design, _)) in points.iter().enumerate() {
            files::write_atomic(&dir.join(format!("{i:02}.json")), design.to_json().as_bytes())?;
        }
        Ok(())
    })?;
    Ok(folder)
}

/// The points as JSON, by increasing cycles.
#[must_use]
pub fn document(points: &[Point]) -> Value {
    let one = |(design, rated): &Point| {
        let [cycles, energy_pj, area_um2] = rated.point();
        json!({
            "design": design.hash,
            "accelerator": design.accelerator,
            "cycles": cycles,
            "energy_pj": energy_pj,
            "edp": cycles * energy_pj,
            "area_um2": area_um2,
        })
    };
    points.iter().map(one).collect()
}

/// The points as a table.
#[must_use]
pub fn table(points: &[Point]) -> Table {
    use Align::{Left, Right};
    let mut table = Table::new(&[
        ("cycles", Right),
        ("energy uJ", Right),
        ("EDP", Right),
        ("area mm2", Right),
        ("accelerator", Left),
    ]);
    for (design, rated) in points {
        let [cycles, energy, area] = rated.point();
        table.row([
            format!("{cycles:.0}"),
            format!("{:.1}", energy / 1e6),
            format!("{:.4e}", cycles * energy),
            format!("{:.3}", area / 1e6),
            describe(&design.accelerator),
        ]);
    }
    table
}

/// Energy against cycles.
fn picture(points: &[Point]) -> String {
    let dot = |(design, rated): &Point| {
        let [cycles, energy, area] = rated.point();
        Dot {
            x: cycles,
            y: energy / 1e6,
            area: Some(area / 1e6),
            tip: format!(
                "{cycles:.0} cycles, {:.1} uJ, {:.3} mm2: {}",
                energy / 1e6,
                area / 1e6,
                describe(&design.accelerator)
            ),
        }
    };
    draw(&Scatter {
        title: "Cycles, energy and area: designs that no other one undercuts",
        subtitle: "several networks by geometric means; the larger a square, the larger the area; a pointer on it tells its accelerator",
        x_label: "cycles",
        y_label: "energy, uJ",
        dots: &points.iter().map(dot).collect::<Vec<_>>(),
        marks: &[],
    })
}
