//! A small multilayer perceptron over one-hot inputs: ReLU layers, one output without bias, a constant added at the end.
//!
//! Trained predictors are mostly dead: in the Once-for-All ResNet50 predictor 97 of 100 weights are denormal numbers, which
//! contribute nothing and are slow. Weights below [`TINY`] count as zero, and a unit that no input reaches is a constant,
//! which is folded into the next layer's biases: 353,600 multiplications become fewer than 12,000.

use crate::base::diag::{Code, Diagnostic, Result};
use crate::nas::pth::Tensor;
use std::collections::BTreeMap;

/// Magnitude below which a weight counts as zero.
pub const TINY: f32 = 1e-20;

/// Layers that may follow each other.
const DEEPEST: usize = 8;

/// A layer whose rows are units and whose columns are the units of the layer before that are alive.
#[derive(Clone, Debug, PartialEq)]
struct Dense {
    /// Column by column: the weights of all units for one input.
    columns: Vec<f32>,
    bias: Vec<f32>,
}

/// A perceptron.
#[derive(Clone, Debug, PartialEq)]
pub struct Mlp {
    inputs: usize,
    hidden: Vec<Dense>,
    output: Vec<f32>,
    base: f32,
}

/// A layer as the file holds it.
struct Raw {
    weights: Vec<f32>,
    bias: Vec<f32>,
    units: usize,
    inputs: usize,
}

fn missing(name: &str, shape: &str) -> Diagnostic {
    Diagnostic::new(
        Code::Malformed,
        format!("tensor `{name}` is missing or has another shape"),
    )
    .expected(shape)
}

impl Mlp {
    /// The perceptron of `layers.I.0.weight`, `layers.I.0.bias`, ..., `layers.N.weight`, `base_acc`.
    ///
    /// # Errors
    /// `E0102` for missing tensors and shapes that do not fit.
    pub fn new(tensors: &BTreeMap<String, Tensor>, inputs: usize) -> Result<Self> {
        let mut raw: Vec<Raw> = Vec::new();
        let mut width = inputs;
        while raw.len() < DEEPEST && tensors.contains_key(&format!("layers.{}.0.weight", raw.len())) {
            let layer = hidden(tensors, raw.len(), width)?;
            width = layer.units;
            raw.push(layer);
        }
        let name = format!("layers.{}.weight", raw.len());
        let last = tensors.get(&name).filter(|t| t.shape == [1, width]);
        let last = last.ok_or_else(|| missing(&name, &format!("shape 1 x {width}")))?;
        let Some(&[base]) = tensors.get("base_acc").map(|t| t.values.as_slice()) else {
            return Err(missing("base_acc", "one number"));
        };
        raw.push(Raw {
            weights: last.values.clone(),
            bias: vec![0.0],
            units: 1,
            inputs: width,
        });
        for layer in &mut raw {
            layer
                .weights
                .iter_mut()
                .filter(|w| w.abs() < TINY)
                .for_each(|w| *w = 0.0);
        }
        Ok(compact(raw, inputs, base))
    }

    /// Inputs of the first layer.
    #[must_use]
    pub const fn inputs(&self) -> usize {
        self.inputs
    }

    /// Multiplications of one evaluation with `hot` ones among the inputs.
    #[must_use]
    pub fn multiplications(&self, hot: usize) -> usize {
        let mut width = hot;
        let mut sum = 0;
        for layer in &self.hidden {
            sum += width * layer.bias.len();
            width = layer.bias.len();
        }
        sum + width
    }

    /// The output for inputs that are zero but for ones at `hot`; positions beyond the inputs count as zero.
    #[must_use]
    pub fn evaluate(&self, hot: &[usize]) -> f32 {
        let mut values: Vec<f32> = Vec::new();
        for (i, layer) in self.hidden.iter().enumerate() {
            let units = layer.bias.len();
            let mut sums = layer.bias.clone();
            let mut add = |column: &[f32], scale: f32| {
                for (sum, weight) in sums.iter_mut().zip(column) {
                    *sum += scale * weight;
                }
            };
            if i == 0 {
                for &input in hot {
                    add(
                        layer.columns.get(input * units..(input + 1) * units).unwrap_or(&[]),
                        1.0,
                    );
                }
            } else {
                for (column, &value) in layer.columns.chunks_exact(units.max(1)).zip(&values) {
                    add(column, value);
                }
            }
            for sum in &mut sums {
                *sum = sum.max(0.0);
            }
            values = sums;
        }
        self.base + self.output.iter().zip(&values).map(|(w, v)| w * v).sum::<f32>()
    }
}

fn hidden(tensors: &BTreeMap<String, Tensor>, layer: usize, inputs: usize) -> Result<Raw> {
    let name = format!("layers.{layer}.0.weight");
    let weight = match tensors.get(&name) {
        Some(t) if t.shape.len() == 2 && t.shape[1] == inputs => t,
        _ => return Err(missing(&name, &format!("units x {inputs}"))),
    };
    let units = weight.shape[0];
    let name = format!("layers.{layer}.0.bias");
    let bias = tensors.get(&name).filter(|t| t.shape == [units]);
    let bias = bias.ok_or_else(|| missing(&name, &format!("{units} numbers")))?;
    Ok(Raw {
        weights: weight.values.clone(),
        bias: bias.values.clone(),
        units,
        inputs,
    })
}

/// Removes units without inputs: their constant moves into the biases of the layer that follows.
fn compact(mut raw: Vec<Raw>, inputs: usize, base: f32) -> Mlp {
    let mut base = base;
    let mut alive: Vec<usize> = (0..inputs).collect();
    let mut layers = Vec::new();
    let mut output = Vec::new();
    for l in 0..raw.len() {
        let layer = &raw[l];
        let weight = |unit: usize, input: usize| layer.weights[unit * layer.inputs + input];
        if l + 1 == raw.len() {
            output = alive.iter().map(|&i| weight(0, i)).collect();
            base += layer.bias[0];
            break;
        }
        let reached = |&unit: &usize| alive.iter().any(|&i| weight(unit, i) != 0.0);
        let (live, dead): (Vec<usize>, Vec<usize>) = (0..layer.units).partition(reached);
        layers.push(Dense {
            columns: alive
                .iter()
                .flat_map(|&i| live.iter().map(move |&u| weight(u, i)))
                .collect(),
            bias: live.iter().map(|&u| layer.bias[u]).collect(),
        });
        let constants: Vec<(usize, f32)> = dead.iter().map(|&u| (u, layer.bias[u].max(0.0))).collect();
        let next = &mut raw[l + 1];
        for unit in 0..next.units {
            next.bias[unit] += constants
                .iter()
                .map(|&(u, v)| next.weights[unit * next.inputs + u] * v)
                .sum::<f32>();
        }
        alive = live;
    }
    Mlp {
        inputs,
        hidden: layers,
        output,
        base,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::stream;
    use rand::RngExt as _;

    fn tensor(shape: &[usize], values: Vec<f32>) -> Tensor {
        Tensor {
            shape: shape.to_vec(),
            values,
        }
    }

    /// Plain evaluation in f64, all units.
    fn naive(t: &BTreeMap<String, Tensor>, x: &[f64]) -> f64 {
        let mut values = x.to_vec();
        for l in 0..2 {
            let (w, b) = (&t[&format!("layers.{l}.0.weight")], &t[&format!("layers.{l}.0.bias")]);
            let unit = |u: usize| {
                let row = &w.values[u * w.shape[1]..][..w.shape[1]];
                let sum: f64 = row.iter().zip(&values).map(|(w, v)| f64::from(*w) * v).sum();
                (sum + f64::from(b.values[u])).max(0.0)
            };
            values = (0..w.shape[0]).map(unit).collect();
        }
        let last = &t["layers.2.weight"].values;
        f64::from(t["base_acc"].values[0]) + last.iter().zip(&values).map(|(w, v)| f64::from(*w) * v).sum::<f64>()
    }

    #[test]
    fn removing_dead_units_changes_nothing() {
        let mut rng = stream(11, &[]);
        for _ in 0..50 {
            let mut sparse = |count: usize| -> Vec<f32> {
                let one = |_| match rng.random_range(0..4) {
                    0 => rng.random_range(-1.0..1.0),
                    1 => 1e-41,
                    _ => 0.0,
                };
                (0..count).map(one).collect()
            };
            let t: BTreeMap<String, Tensor> = [
                ("layers.0.0.weight", tensor(&[7, 5], sparse(35))),
                ("layers.0.0.bias", tensor(&[7], sparse(7))),
                ("layers.1.0.weight", tensor(&[6, 7], sparse(42))),
                ("layers.1.0.bias", tensor(&[6], sparse(6))),
                ("layers.2.weight", tensor(&[1, 6], sparse(6))),
                ("base_acc", tensor(&[1], vec![0.5])),
            ]
            .map(|(n, t)| (n.to_owned(), t))
            .into();
            let mlp = Mlp::new(&t, 5).unwrap();
            for mask in 0..32u32 {
                let hot: Vec<usize> = (0..5).filter(|i| mask >> i & 1 == 1).collect();
                let x: Vec<f64> = (0..5).map(|i| f64::from(mask >> i & 1)).collect();
                assert!((f64::from(mlp.evaluate(&hot)) - naive(&t, &x)).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn wrong_shapes_are_named() {
        let t: BTreeMap<String, Tensor> = [
            ("layers.0.0.weight", tensor(&[2, 3], vec![0.0; 6])),
            ("layers.0.0.bias", tensor(&[1], vec![0.0])),
        ]
        .map(|(n, t)| (n.to_owned(), t))
        .into();
        let what = |inputs| Mlp::new(&t, inputs).unwrap_err().what;
        assert!(what(3).contains("layers.0.0.bias"));
        assert!(what(4).contains("layers.0.0.weight"));
    }
}
