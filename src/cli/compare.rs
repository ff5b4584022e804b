//! Several designs side by side, as `naas cost` prints them.

use crate::arch::accelerator::Accelerator;
use crate::cli::costs::{Priced, describe, document as one_document};
use crate::cli::output::{Align, Table};
use serde_json::{Value, json};
use std::fmt;

/// A priced design with the file that it came from.
#[derive(Clone, Debug)]
pub struct Compared {
    /// Its file, as typed.
    pub file: String,
    /// Its accelerator.
    pub accelerator: Accelerator,
    /// Its networks.
    pub priced: Vec<Priced>,
}

/// The document of several designs: `designs`, each that of `naas cost` with `design`, its file.
#[must_use]
pub fn document(designs: &[Compared]) -> Value {
    let one = |d: &Compared| {
        let mut value = serde_json::to_value(one_document(&d.accelerator, &d.priced)).unwrap_or_default();
        if let Some(members) = value.as_object_mut() {
            members.insert("design".into(), d.file.as_str().into());
        }
        value
    };
    json!({"designs": designs.iter().map(one).collect::<Vec<Value>>()})
}

/// The tables of several designs, for people.
pub struct Text<'a>(pub &'a [Compared]);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, d) in self.0.iter().enumerate() {
            writeln!(f, "#{} {}: {}", i + 1, d.file, describe(&d.accelerator))?;
        }
        let mut names: Vec<&str> = Vec::new();
        for p in self.0.iter().flat_map(|d| &d.priced) {
            if !names.contains(&p.network.name.as_str()) {
                names.push(&p.network.name);
            }
        }
        for name in names {
            let of =
                |(i, d): (usize, &'_ Compared)| d.priced.iter().position(|p| p.network.name == name).map(|n| (i, n));
            let places: Vec<(usize, usize)> = self.0.iter().enumerate().filter_map(of).collect();
            let found: Vec<(usize, &Priced)> = places.into_iter().map(|(i, n)| (i, &self.0[i].priced[n])).collect();
            writeln!(f, "\n{name}\n\n{}\n{}", layers(&found), totals(&found))?;
        }
        Ok(())
    }
}

/// Cycles, energy and limit of every layer; empty where the designs cut the network into different layers.
fn layers(designs: &[(usize, &Priced)]) -> String {
    use Align::{Left, Right};
    let Some((_, first)) = designs.first() else {
        return String::new();
    };
    let names = |p: &Priced| -> Vec<String> { p.costed.rows.iter().map(|r| r.name.clone()).collect() };
    if designs.iter().any(|(_, p)| names(p) != names(first)) {
        return String::new();
    }
    let mut titles: Vec<(String, Align)> = vec![("layer".into(), Left), ("MACs".into(), Right)];
    for (i, p) in designs {
        titles.push((format!("#{} cycles", i + 1), Right));
        titles.push((p.prices.energy_title(), Right));
        titles.push(("bound by".into(), Left));
    }
    let columns: Vec<(&str, Align)> = titles.iter().map(|(t, a)| (t.as_str(), *a)).collect();
    let mut table = Table::new(&columns);
    for (l, row) in first.costed.rows.iter().enumerate() {
        let mut cells = vec![row.name.clone(), row.macs.to_string()];
        for (_, p) in designs {
            let r = &p.costed.rows[l];
            cells.extend([
                r.cycles.to_string(),
                format!("{:.3}", r.energy_pj / 1e6),
                r.bound_by.as_str().into(),
            ]);
        }
        table.row(cells);
    }
    table.to_string()
}

fn totals(designs: &[(usize, &Priced)]) -> Table {
    use Align::{Left, Right};
    let energy = designs
        .first()
        .map(|(_, p)| p.prices.energy_title())
        .unwrap_or_default();
    let mut table = Table::new(&[
        ("design", Left),
        ("cycles", Right),
        ("utilization", Right),
        (&energy, Right),
        ("EDP", Right),
        ("mm2", Right),
        ("speed", Right),
        ("energy saving", Right),
        ("EDP gain", Right),
    ]);
    let reference = designs.first().map(|(_, p)| p.network.total).unwrap_or_default();
    for (i, p) in designs {
        let t = &p.network.total;
        table.row([
            format!("#{}", i + 1),
            t.cycles.to_string(),
            format!("{:.1} %", 100.0 * p.utilization()),
            format!("{:.3}", t.energy_pj / 1e6),
            format!("{:.4e}", t.edp),
            format!("{:.4}", t.area_um2 / 1e6),
            format!("{:.3}", reference.cycles as f64 / t.cycles.max(1) as f64),
            format!("{:.3}", reference.energy_pj / t.energy_pj),
            format!("{:.3}", reference.edp / t.edp),
        ]);
    }
    table
}
