//! Spaces of networks: a list of genes, each with a few options, and the network that a choice of options means.

use crate::base::diag::{Code, Diagnostic, Result};
use crate::workload::network::Network;
use rand::{Rng, RngExt as _};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What a gene decides. Genes of one role lie next to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Side of the square input image, in pixels.
    Resolution,
    /// Blocks of a stage beyond its least number.
    Depth,
    /// Channels inside a block over those around it.
    Expand,
    /// Channels of a stage over its widest form.
    Width,
    /// Side of a block's depthwise kernel.
    Kernel,
}

impl Role {
    /// The member of a genotype's JSON object.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Resolution => "resolution",
            Self::Depth => "depth",
            Self::Expand => "expand",
            Self::Width => "width",
            Self::Kernel => "kernel",
        }
    }

    /// The letter before a role's options in a genotype's text.
    const fn letter(self) -> char {
        match self {
            Self::Resolution => 'r',
            Self::Depth => 'd',
            Self::Expand => 'e',
            Self::Width => 'w',
            Self::Kernel => 'k',
        }
    }
}

/// One choice that makes a subnet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gene {
    /// What it decides.
    pub role: Role,
    /// The values to choose from, ascending.
    pub options: &'static [f64],
}

/// A subnet as one option (an index) per gene of its space; the first gene is the resolution.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Genotype(pub Vec<u8>);

/// A family of networks that share weights (or a table of accuracies).
pub trait NetworkSpace: Sync {
    /// Name, as `--space` takes it.
    fn name(&self) -> &'static str;

    /// The genes; the first one is the resolution.
    fn genes(&self) -> &[Gene];

    /// The subnet's layers with multiply-accumulates, squeeze-and-excite included.
    ///
    /// # Errors
    /// `E0102` if `genotype` is none of this space.
    fn subnet(&self, genotype: &Genotype) -> Result<Network>;

    /// Puts genes that decide nothing (those of skipped blocks) at their first option, so that equal networks have equal
    /// genotypes.
    fn normalise(&self, genotype: &mut Genotype);

    /// The value that `genotype` chooses for gene `i`.
    fn value(&self, genotype: &Genotype, i: usize) -> f64 {
        self.genes()[i].options[usize::from(genotype.0[i])]
    }

    /// All values of a role.
    fn values(&self, genotype: &Genotype, role: Role) -> Vec<f64> {
        let of_role = |i: &usize| self.genes()[*i].role == role;
        (0..self.genes().len())
            .filter(of_role)
            .map(|i| self.value(genotype, i))
            .collect()
    }

    /// Side of the input image.
    fn resolution(&self, genotype: &Genotype) -> u32 {
        self.value(genotype, 0) as u32
    }

    /// A uniformly drawn genotype.
    fn sample(&self, rng: &mut dyn Rng) -> Genotype {
        let draw = |gene: &Gene| rng.random_range(0..gene.options.len()) as u8;
        let mut genotype = Genotype(self.genes().iter().map(draw).collect());
        self.normalise(&mut genotype);
        genotype
    }

    /// Checks that a genotype has an option of each gene.
    ///
    /// # Errors
    /// `E0102`
    fn check(&self, genotype: &Genotype) -> Result<()> {
        let genes = self.genes();
        let fits = genotype.0.len() == genes.len()
            && genes
                .iter()
                .zip(&genotype.0)
                .all(|(gene, &o)| usize::from(o) < gene.options.len());
        if fits {
            return Ok(());
        }
        Err(
            Diagnostic::new(Code::Malformed, format!("not a genotype of `{}`", self.name()))
                .expected(format!("{} options within their genes' ranges", genes.len())),
        )
    }

    /// The genotype as one word without its resolution, such as `d01210-e012..-w000000`: per role the options' indices.
    fn text(&self, genotype: &Genotype) -> String {
        let mut text = String::new();
        let mut last = Role::Resolution;
        for (gene, option) in self.genes().iter().zip(&genotype.0).skip(1) {
            if gene.role != last {
                if !text.is_empty() {
                    text.push('-');
                }
                text.push(gene.role.letter());
                last = gene.role;
            }
            text += &option.to_string();
        }
        text
    }

    /// The genotype that [`NetworkSpace::text`] and [`NetworkSpace::resolution`] describe.
    ///
    /// # Errors
    /// `E0102` if it is none of this space.
    fn parse(&self, text: &str, resolution: u32) -> Result<Genotype> {
        let wrong = || {
            Diagnostic::new(
                Code::Malformed,
                format!("`{text}` at {resolution} is no genotype of `{}`", self.name()),
            )
            .expected(format!(
                "a word such as {}",
                self.text(&Genotype(vec![0; self.genes().len()]))
            ))
        };
        let of = |value: &f64| *value == f64::from(resolution);
        let first = self.genes()[0].options.iter().position(of).ok_or_else(wrong)?;
        let digits = text.chars().filter(char::is_ascii_digit).map(|c| c as u8 - b'0');
        let genotype = Genotype(std::iter::once(first as u8).chain(digits).collect());
        if self.check(&genotype).is_err() || self.text(&genotype) != text {
            return Err(wrong());
        }
        Ok(genotype)
    }

    /// The genotype by role, as documents write it.
    fn document(&self, genotype: &Genotype) -> Value {
        let number = |v: f64| {
            if v.fract() == 0.0 {
                Value::from(v as u64)
            } else {
                Value::from(v)
            }
        };
        let mut document = Map::new();
        for (i, gene) in self.genes().iter().enumerate() {
            let value = number(self.value(genotype, i));
            if gene.role == Role::Resolution {
                document.insert(gene.role.as_str().to_owned(), value);
            } else if let Value::Array(list) = document
                .entry(gene.role.as_str())
                .or_insert_with(|| Value::Array(Vec::new()))
            {
                list.push(value);
            }
        }
        document.insert("text".to_owned(), Value::from(self.text(genotype)));
        Value::Object(document)
    }
}

/// Parameters as the Once-for-All authors count them: convolution and product weights and the biases of products.
///
/// # Errors
/// As [`crate::workload::layer::Shape::weight_count`].
pub fn parameters(network: &Network) -> Result<u64> {
    network.layers.iter().try_fold(0, |sum, layer| {
        let bias = match layer.shape {
            crate::workload::layer::Shape::Matmul(m) if m.weights => u64::from(m.N),
            _ => 0,
        };
        Ok(sum + layer.shape.weight_count()? + bias)
    })
}

/// The nearest multiple of 8 that is at least 8 and not more than a tenth below `v` (MobileNet's rule).
#[must_use]
pub fn make_divisible(v: f64) -> u32 {
    let n = ((v + 4.0) as u32 / 8 * 8).max(8);
    if f64::from(n) < 0.9 * v { n + 8 } else { n }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_multiples_of_eight() {
        assert_eq!(
            [1.0, 12.0, 41.6, 51.2, 20.0, 11.0, 91.0].map(make_divisible),
            [8, 16, 40, 48, 24, 16, 88]
        );
    }
}
