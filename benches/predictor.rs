//! How many accuracies per CPU-second the Once-for-All predictor of the ResNet50 space returns.
//!
//! Ends with `figure predictions_per_cpu_second VALUE predictions/s`: random subnets of the space, their one-hot encoding
//! included, on this thread alone. The authors' file is not the project's to carry: it is looked for as tests look for it,
//! and without it this figure is missing, which is said. `dense_predictions_per_cpu_second` is that of a random perceptron of
//! the same shape, in which every weight counts.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![allow(clippy::unwrap_used, reason = "a benchmark may panic")]

use naas::base::rng::stream;
use naas::nas::accuracy::OfaMlp;
use naas::nas::mlp::Mlp;
use naas::nas::pth::Tensor;
use naas::nas::resnet50::{FEATURES, OfaResNet50};
use naas::nas::space::{Genotype, NetworkSpace as _};
use rand::RngExt as _;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Different subnets that are asked for in turn.
const SUBNETS: usize = 4096;
/// The rate is measured over at least so much CPU time.
const LEAST_NANOSECONDS: u64 = 1_000_000_000;
/// Units of a hidden layer.
const UNITS: usize = 400;

fn main() {
    let mut rng = stream(1, &[]);
    let subnets: Vec<Genotype> = (0..SUBNETS).map(|_| OfaResNet50.sample(&mut rng)).collect();
    let root = std::env::var_os("NAAS_SHARED").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"),
        PathBuf::from,
    );
    let dense = dense();
    let rate_dense = rate(&subnets, |g| dense.evaluate(&OfaResNet50::hot(g)));
    println!("figure dense_predictions_per_cpu_second {rate_dense:.1} predictions/s");
    match std::fs::read(root.join("ofa/ofa_resnet50_acc_predictor.pth")) {
        Ok(file) => {
            let model = OfaMlp::new(&file, "predictor").unwrap();
            let rate = rate(&subnets, |g| model.predict(g).raw as f32);
            println!("figure predictions_per_cpu_second {rate:.1} predictions/s");
        }
        Err(e) => println!("predictions_per_cpu_second is not measured: the authors' predictor is not here ({e})"),
    }
}

/// A perceptron of the predictor's layers in which every weight counts: what its evaluation would cost without pruning.
fn dense() -> Mlp {
    let mut rng = stream(2, &[]);
    let mut tensor = |shape: &[usize]| {
        let count: usize = shape.iter().product();
        Tensor {
            shape: shape.to_vec(),
            values: (0..count).map(|_| rng.random_range(-0.1..0.1)).collect(),
        }
    };
    let mut tensors = BTreeMap::new();
    for (layer, inputs) in [FEATURES, UNITS, UNITS].into_iter().enumerate() {
        tensors.insert(format!("layers.{layer}.0.weight"), tensor(&[UNITS, inputs]));
        tensors.insert(format!("layers.{layer}.0.bias"), tensor(&[UNITS]));
    }
    tensors.insert("layers.3.weight".to_owned(), tensor(&[1, UNITS]));
    tensors.insert("base_acc".to_owned(), tensor(&[1]));
    Mlp::new(&tensors, FEATURES).unwrap()
}

/// Predictions per second of this thread's CPU time; the sum keeps them from being optimised away.
fn rate(subnets: &[Genotype], predict: impl Fn(&Genotype) -> f32) -> f64 {
    let (begin, mut predictions, mut sum) = (cpu_nanoseconds(), 0_usize, 0.0_f32);
    while cpu_nanoseconds() - begin < LEAST_NANOSECONDS {
        sum += subnets.iter().map(&predict).sum::<f32>();
        predictions += subnets.len();
    }
    std::hint::black_box(sum);
    predictions as f64 * 1e9 / (cpu_nanoseconds() - begin).max(1) as f64
}

/// CPU time of this thread as Linux counts it.
fn cpu_nanoseconds() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}
