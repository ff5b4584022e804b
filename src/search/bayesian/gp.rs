//! Gaussian-process regression (Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006, algorithm 2.1) with a
//! Matérn 5/2 kernel of one length, which is chosen by the marginal likelihood.
//!
//! Only sums, products, quotients and square roots: the same bits everywhere.

use crate::search::numeric::{exp, ln};
use nalgebra::{Cholesky, DMatrix, DVector, Dyn};

/// Lengths that are tried, in units of the root of the number of features.
const LENGTHS: [f64; 5] = [0.25, 0.5, 1.0, 2.0, 4.0];
/// Variance of the noise, for targets of variance one: mapping searches do not find the optimum every time.
const NOISE: f64 = 0.01;

/// A process that was fitted to points.
#[derive(Clone, Debug)]
pub struct Process {
    points: Vec<Vec<f64>>,
    length: f64,
    factor: Cholesky<f64, Dyn>,
    /// The covariance's inverse times the targets.
    weights: DVector<f64>,
}

/// Matérn 5/2 of a squared distance in units of the length.
fn kernel(squared: f64) -> f64 {
    let scaled = 5.0 * squared;
    let root = scaled.sqrt();
    (1.0 + root + scaled / 3.0) * exp(-root)
}

fn squared_distance(a: &[f64], b: &[f64], length: f64) -> f64 {
    let sum: f64 = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum();
    sum / (length * length)
}

impl Process {
    /// The process of the length with the largest marginal likelihood; none without points. Targets should have mean zero and
    /// variance about one.
    #[must_use]
    pub fn fit(points: &[Vec<f64>], targets: &[f64]) -> Option<Self> {
        let root = (points.first()?.len().max(1) as f64).sqrt();
        let fits = LENGTHS
            .iter()
            .filter_map(|l| Self::with_length(points, targets, l * root));
        fits.map(|p| (p.log_likelihood(targets), p))
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, p)| p)
    }

    /// The process of a given length; none where the covariance is not definite.
    #[must_use]
    pub fn with_length(points: &[Vec<f64>], targets: &[f64], length: f64) -> Option<Self> {
        let n = points.len();
        let covariance = DMatrix::from_fn(n, n, |i, j| {
            kernel(squared_distance(&points[i], &points[j], length)) + if i == j { NOISE } else { 0.0 }
        });
        let factor = Cholesky::new(covariance)?;
        let weights = factor.solve(&DVector::from_column_slice(targets));
        Some(Self {
            points: points.to_vec(),
            length,
            factor,
            weights,
        })
    }

    /// The length of the kernel.
    #[must_use]
    pub const fn length(&self) -> f64 {
        self.length
    }

    fn log_likelihood(&self, targets: &[f64]) -> f64 {
        let l = self.factor.l_dirty();
        let fit: f64 = targets.iter().zip(self.weights.iter()).map(|(t, w)| t * w).sum();
        let volume: f64 = (0..targets.len()).map(|i| ln(l[(i, i)])).sum();
        -0.5 * fit - volume
    }

    /// Mean and variance at `x`.
    #[must_use]
    pub fn predict(&self, x: &[f64]) -> (f64, f64) {
        let k: Vec<f64> = self
            .points
            .iter()
            .map(|p| kernel(squared_distance(p, x, self.length)))
            .collect();
        let mean = k.iter().zip(self.weights.iter()).map(|(k, w)| k * w).sum();
        let mut v = DVector::from_vec(k);
        let solved = self.factor.l_dirty().solve_lower_triangular_mut(&mut v);
        let explained: f64 = if solved { v.iter().map(|v| v * v).sum() } else { 0.0 };
        (mean, (1.0 - explained).max(1e-9))
    }
}

/// Density of the standard normal distribution.
#[must_use]
pub fn density(z: f64) -> f64 {
    exp(-0.5 * z * z) * 0.398_942_280_401_432_7
}

/// Distribution function of the standard normal distribution, to 1.5e-7 (Abramowitz and Stegun, 7.1.26).
#[must_use]
pub fn probability(z: f64) -> f64 {
    let x = z.abs() * std::f64::consts::FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let poly =
        t * (0.254_829_592 + t * (-0.284_496_736 + t * (1.421_413_741 + t * (-1.453_152_027 + t * 1.061_405_429))));
    let half = 0.5 * poly * exp(-x * x);
    if z > 0.0 { 1.0 - half } else { half }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_passes_near_the_points_and_doubts_far_from_them() {
        let points: Vec<Vec<f64>> = (0..9).map(|i| vec![f64::from(i) / 8.0]).collect();
        let targets: Vec<f64> = points.iter().map(|p| 4.0 * (p[0] - 0.5) * (p[0] - 0.5) - 0.5).collect();
        let p = Process::fit(&points, &targets).unwrap();
        for (x, t) in points.iter().zip(&targets) {
            let (mean, variance) = p.predict(x);
            assert!((mean - t).abs() < 0.1 && variance < 0.02, "{x:?}: {mean} {variance}");
        }
        assert!(p.predict(&[9.0]).1 > 0.9);
    }

    #[test]
    fn one_point_by_hand() {
        // k = 1, K = 1 + NOISE: mean t / (1 + NOISE), variance 1 - 1 / (1 + NOISE).
        let p = Process::with_length(&[vec![0.3]], &[2.0], 1.0).unwrap();
        let (mean, variance) = p.predict(&[0.3]);
        assert!((mean - 2.0 / 1.01).abs() < 1e-12 && (variance - (1.0 - 1.0 / 1.01)).abs() < 1e-12);
        let r = 5.0f64.sqrt();
        assert!((p.predict(&[1.3]).0 - (1.0 + r + 5.0 / 3.0) * exp(-r) * 2.0 / 1.01).abs() < 1e-12);
    }

    #[test]
    fn normal_distribution() {
        for (z, p) in [(0.0, 0.5), (1.0, 0.841_344_75), (-1.959_963_98, 0.025)] {
            assert!((probability(z) - p).abs() < 2e-7, "{z}");
        }
        assert!((density(0.0) - 0.398_942_28).abs() < 1e-8);
    }
}
