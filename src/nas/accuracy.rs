//! How accurate a subnet is: models behind one trait, each of which says where its figures come from and how far off they
//! are known to be.

use crate::base::diag::{Code, Diagnostic, Result};
use crate::nas::mlp::Mlp;
use crate::nas::pth;
use crate::nas::resnet50::{FEATURES, OfaResNet50};
use crate::nas::space::{Genotype, NetworkSpace};
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;

/// The accuracy of a subnet.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Accuracy {
    /// Top-1 as the model returns it, a fraction.
    #[serde(rename = "top1_raw")]
    pub raw: f64,
    /// Top-1 in percent after correction of what is known to be off.
    #[serde(rename = "top1_calibrated")]
    pub calibrated: f64,
    /// Whether the model's output has reached its ceiling, where it no longer tells networks apart.
    pub saturated: bool,
}

/// Where a model's figures come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Provenance {
    /// Kind of model.
    pub model: &'static str,
    /// File or command, and who made it.
    pub source: String,
    /// What is known of its error.
    pub error: String,
    /// Predicted rather than measured.
    pub predicted: bool,
}

impl Provenance {
    /// The word that stands beside every figure.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        if self.predicted { "predicted" } else { "measured" }
    }
}

/// A source of accuracies.
pub trait AccuracyModel: Sync {
    /// Where the figures come from.
    fn provenance(&self) -> Provenance;

    /// The accuracies of subnets, in their order; none where the model does not know the subnet.
    ///
    /// # Errors
    /// If the model cannot be asked.
    fn of(&self, genotypes: &[Genotype]) -> Result<Vec<Option<Accuracy>>>;

    /// All subnets that the model knows, where they can be listed: random ones may hardly ever be among them.
    fn known(&self) -> Vec<Genotype> {
        Vec::new()
    }
}

/// The Once-for-All authors' predictor of the ResNet50 space.
#[derive(Clone, Debug)]
pub struct OfaMlp {
    mlp: Mlp,
    file: String,
}

/// By how many points the predictor reads above the ImageNet top-1 of the authors' published subnets (mean over eight of
/// them; the residuals' mean magnitude is 0.18 points).
pub const OFA_OFFSET: f64 = 3.57;

/// Output from which the predictor no longer distinguishes networks: its ceiling is 0.82987.
const OFA_CEILING: f32 = 0.829_8;

impl OfaMlp {
    /// Reads the authors' PyTorch file; `file` is the name that results give it.
    ///
    /// # Errors
    /// As [`pth::read`] and [`Mlp::new`].
    pub fn new(data: &[u8], file: &str) -> Result<Self> {
        let place = |e: Diagnostic| {
            let inner = e.place.clone();
            e.at(inner.map_or_else(|| file.to_owned(), |inner| format!("{file}, {inner}")))
        };
        let mlp = pth::read(data)
            .and_then(|tensors| Mlp::new(&tensors, FEATURES))
            .map_err(place)?;
        Ok(Self {
            mlp,
            file: file.to_owned(),
        })
    }

    /// The accuracy of one subnet.
    #[must_use]
    pub fn predict(&self, genotype: &Genotype) -> Accuracy {
        let raw = self.mlp.evaluate(&OfaResNet50::hot(genotype));
        Accuracy {
            raw: f64::from(raw),
            calibrated: 100.0 * f64::from(raw) - OFA_OFFSET,
            saturated: raw > OFA_CEILING,
        }
    }
}

/// Subnets predicted by one task: enough that the tasks' own cost does not count.
const CHUNK: usize = 256;

impl AccuracyModel for OfaMlp {
    fn provenance(&self) -> Provenance {
        Provenance {
            model: "ofa-mlp",
            source: format!(
                "{}: accuracy predictor of the Once-for-All authors (ImageNet)",
                self.file
            ),
            error: "reported RMSE 0.21 points; reads 3.57 points above the published top-1 of eight subnets, which \
                    `top1_calibrated` subtracts (mean residual 0.18); saturates at 0.8299"
                .to_owned(),
            predicted: true,
        }
    }

    fn of(&self, genotypes: &[Genotype]) -> Result<Vec<Option<Accuracy>>> {
        let one = |g: &Genotype| Some(self.predict(g));
        Ok(genotypes
            .par_chunks(CHUNK)
            .flat_map_iter(|chunk| chunk.iter().map(one))
            .collect())
    }
}

/// Accuracies from a table.
#[derive(Clone, Debug)]
pub struct Table {
    rows: BTreeMap<Genotype, f64>,
    file: String,
}

impl Table {
    /// Reads a CSV file with at least the columns `genotype` (as [`NetworkSpace::text`]), `resolution` and `top1`
    /// (percent); lines that start with `#` are comments.
    ///
    /// # Errors
    /// `E0102` for missing columns, repeated rows and rows that do not fit `space`; the line is named.
    pub fn new(text: &str, file: &str, space: &dyn NetworkSpace) -> Result<Self> {
        let mut lines = text
            .lines()
            .zip(1..)
            .filter(|(line, _)| !line.starts_with('#') && !line.trim().is_empty());
        let header: Vec<&str> = lines
            .next()
            .map(|(line, _)| line.split(',').map(str::trim).collect())
            .unwrap_or_default();
        let column = |name: &str| {
            header.iter().position(|h| *h == name).ok_or_else(|| {
                Diagnostic::new(Code::Malformed, format!("the column `{name}` is missing"))
                    .at(file)
                    .expected("columns genotype, resolution and top1")
            })
        };
        let (genotype, resolution, top1) = (column("genotype")?, column("resolution")?, column("top1")?);
        let mut rows = BTreeMap::new();
        for (line, number) in lines {
            let place = || format!("{file}, line {number}");
            let cells: Vec<&str> = line.split(',').map(str::trim).collect();
            let wrong = |what: &str| {
                Diagnostic::new(Code::Malformed, what)
                    .at(place())
                    .expected("a genotype, its resolution, and percent between 0 and 100")
            };
            let cell = |i: usize| cells.get(i).copied().ok_or_else(|| wrong("a cell is missing"));
            let side = cell(resolution)?
                .parse()
                .map_err(|_| wrong("the resolution is no number"))?;
            let key = space.parse(cell(genotype)?, side).map_err(|e| e.at(place()))?;
            let percent: f64 = cell(top1)?.parse().map_err(|_| wrong("top1 is no number"))?;
            if !(0.0..=100.0).contains(&percent) {
                return Err(wrong("top1 is no percentage"));
            }
            if rows.insert(key, percent).is_some() {
                return Err(wrong("the genotype occurs twice"));
            }
        }
        Ok(Self {
            rows,
            file: file.to_owned(),
        })
    }

    /// The subnets that the table knows.
    pub fn genotypes(&self) -> impl Iterator<Item = &Genotype> {
        self.rows.keys()
    }
}

impl AccuracyModel for Table {
    fn provenance(&self) -> Provenance {
        Provenance {
            model: "table",
            source: self.file.clone(),
            error: "as measured; subnets that are not in the table are not considered".to_owned(),
            predicted: false,
        }
    }

    fn of(&self, genotypes: &[Genotype]) -> Result<Vec<Option<Accuracy>>> {
        let one = |g: &Genotype| {
            self.rows.get(g).map(|&percent| Accuracy {
                raw: percent / 100.0,
                calibrated: percent,
                saturated: false,
            })
        };
        Ok(genotypes.iter().map(one).collect())
    }

    fn known(&self) -> Vec<Genotype> {
        self.genotypes().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nas::pth::tests::file;

    #[test]
    fn a_table_knows_its_rows_only() {
        let g = Genotype(vec![0; OfaResNet50.genes().len()]);
        let word = OfaResNet50.text(&g);
        let csv = format!("# measured\nresolution, genotype, macs, top1\n128,{word},1,71.5\n");
        let table = Table::new(&csv, "t.csv", &OfaResNet50).unwrap();
        let mut other = g.clone();
        other.0[0] = 1;
        let found = table.of(&[other, g]).unwrap();
        assert_eq!(found[0], None);
        assert_eq!(found[1].map(|a| a.calibrated), Some(71.5));
        for bad in [
            "genotype,top1\n",
            &format!("genotype,resolution,top1\n{word},128\n"),
            &format!("genotype,resolution,top1\n{word},128,171\n"),
            &format!("genotype,resolution,top1\n{word},129,71\n"),
            &format!("genotype,resolution,top1\n{word},128,71\n{word},128,72\n"),
            "genotype,resolution,top1\nd9,128,71\n",
        ] {
            assert_eq!(
                Table::new(bad, "t.csv", &OfaResNet50).unwrap_err().code,
                Code::Malformed,
                "{bad}"
            );
        }
    }

    #[test]
    fn a_file_without_the_predictor_is_refused_with_its_name() {
        let e = OfaMlp::new(&file(), "p.pth").unwrap_err();
        assert_eq!((e.code, e.place.as_deref()), (Code::Malformed, Some("p.pth")));
    }
}
