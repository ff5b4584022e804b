//! The shape of the sampling distribution: a full covariance matrix with its eigenvectors, or its diagonal alone.

use nalgebra::{DMatrix, SymmetricEigen};

/// Which covariances the method learns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Covariance {
    /// All of them (CMA-ES): invariant under rotations, learns in the order of `n^2` evaluations, and one eigendecomposition
    /// costs in the order of `n^3` operations.
    #[default]
    Full,
    /// Variances only (sep-CMA-ES; Ros and Hansen, PPSN 2008): learns `(n + 2) / 3` times faster and costs in the order of
    /// `n` operations per sample, for small budgets in many dimensions.
    Diagonal,
}

/// A step with its weight in the update of the covariance.
pub(super) struct Weighted<'a> {
    /// `(x - mean) / sigma`.
    pub step: &'a [f64],
    /// Weight, negative for steps to move away from.
    pub weight: f64,
}

/// Covariance `C = B D^2 B^T` (tutorial, section 1.1); the decomposition may be some generations older than `C`.
#[derive(Clone, Debug)]
pub(super) enum Shape {
    /// Matrix, eigenvectors by column, square roots of eigenvalues.
    Full {
        c: DMatrix<f64>,
        b: DMatrix<f64>,
        d: Vec<f64>,
    },
    /// Variances and their square roots.
    Diagonal { c: Vec<f64>, d: Vec<f64> },
}

/// Ratio of the largest to the smallest eigenvalue beyond which a covariance is of no more use.
pub(super) const MAX_CONDITION: f64 = 1e14;

impl Shape {
    /// The unit covariance.
    pub fn identity(kind: Covariance, n: usize) -> Self {
        match kind {
            Covariance::Full => Self::Full {
                c: DMatrix::identity(n, n),
                b: DMatrix::identity(n, n),
                d: vec![1.0; n],
            },
            Covariance::Diagonal => Self::Diagonal {
                c: vec![1.0; n],
                d: vec![1.0; n],
            },
        }
    }

    /// Square roots of the eigenvalues.
    pub fn scales(&self) -> &[f64] {
        match self {
            Self::Full { d, .. } | Self::Diagonal { d, .. } => d,
        }
    }

    /// `B D z`: a standard normal draw shaped by the covariance (tutorial, equation 39).
    pub fn color(&self, z: &[f64]) -> Vec<f64> {
        match self {
            Self::Full { b, d, .. } => {
                let mut y = vec![0.0; z.len()];
                for (j, column) in b.column_iter().enumerate() {
                    let s = d[j] * z[j];
                    for (y, b) in y.iter_mut().zip(column.iter()) {
                        *y += b * s;
                    }
                }
                y
            }
            Self::Diagonal { d, .. } => z.iter().zip(d).map(|(z, d)| z * d).collect(),
        }
    }

    /// `C^(-1/2) y = B D^-1 B^T y`.
    pub fn whiten(&self, y: &[f64]) -> Vec<f64> {
        match self {
            Self::Full { b, d, .. } => {
                let mut out = vec![0.0; y.len()];
                for (column, d) in b.column_iter().zip(d) {
                    let s = column.iter().zip(y).map(|(b, y)| b * y).sum::<f64>() / d;
                    for (o, b) in out.iter_mut().zip(column.iter()) {
                        *o += b * s;
                    }
                }
                out
            }
            Self::Diagonal { d, .. } => y.iter().zip(d).map(|(y, d)| y / d).collect(),
        }
    }

    /// `C <- decay C + c1 pc pc^T + sum of weight * step step^T` (tutorial, equation 47).
    pub fn update(&mut self, decay: f64, c1: f64, pc: &[f64], steps: &[Weighted<'_>]) {
        let terms = || steps.iter().map(|s| (s.step, s.weight)).chain([(pc, c1)]);
        match self {
            Self::Full { c, .. } => {
                for j in 0..pc.len() {
                    for i in 0..=j {
                        let sum: f64 = terms().map(|(v, w)| w * v[i] * v[j]).sum();
                        c[(i, j)] = decay * c[(i, j)] + sum;
                        c[(j, i)] = c[(i, j)];
                    }
                }
            }
            Self::Diagonal { c, .. } => {
                for (i, c) in c.iter_mut().enumerate() {
                    *c = decay * *c + terms().map(|(v, w)| w * v[i] * v[i]).sum::<f64>();
                }
            }
        }
    }

    /// The covariance after mirroring space along coordinate `i`: variances stay, covariances with `i` change sign.
    pub fn mirror(&mut self, i: usize) {
        if let Self::Full { c, b, .. } = self {
            for j in 0..b.ncols() {
                b[(i, j)] = -b[(i, j)];
                if j != i {
                    c[(i, j)] = -c[(i, j)];
                    c[(j, i)] = -c[(j, i)];
                }
            }
        }
    }

    /// Brings the decomposition up to date. False, and the unit covariance instead, if the matrix is no longer positive
    /// definite within [`MAX_CONDITION`].
    pub fn refresh(&mut self) -> bool {
        let sound = match self {
            Self::Full { c, b, d } => SymmetricEigen::try_new(c.clone(), f64::EPSILON, 0).is_some_and(|eigen| {
                *b = eigen.eigenvectors;
                roots(eigen.eigenvalues.as_slice(), d)
            }),
            Self::Diagonal { c, d } => roots(c, d),
        };
        if !sound {
            let (kind, n) = match self {
                Self::Full { d, .. } => (Covariance::Full, d.len()),
                Self::Diagonal { d, .. } => (Covariance::Diagonal, d.len()),
            };
            *self = Self::identity(kind, n);
        }
        sound
    }
}

/// Square roots of `eigenvalues`; false if they are not positive or their ratio exceeds [`MAX_CONDITION`].
fn roots(eigenvalues: &[f64], d: &mut [f64]) -> bool {
    let (mut low, mut high) = (f64::INFINITY, 0.0f64);
    for (d, &e) in d.iter_mut().zip(eigenvalues) {
        *d = e.max(0.0).sqrt();
        (low, high) = (low.min(e), high.max(e));
    }
    low > 0.0 && high.is_finite() && high <= low * MAX_CONDITION
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::stream;
    use crate::search::numeric::fill_normal;

    fn random_shape(kind: Covariance) -> Shape {
        let n = 7;
        let mut shape = Shape::identity(kind, n);
        let mut z = vec![0.0; 4 * n];
        fill_normal(&mut stream(9, &[]), &mut z);
        let steps: Vec<_> = z[n..].chunks(n).map(|step| Weighted { step, weight: 0.2 }).collect();
        shape.update(0.3, 0.4, &z[..n], &steps);
        assert!(shape.refresh());
        shape
    }

    #[test]
    fn decomposition_reproduces_the_matrix() {
        let shape = random_shape(Covariance::Full);
        let Shape::Full { c, b, d } = &shape else {
            panic!("full")
        };
        let d2 = DMatrix::from_diagonal(&nalgebra::DVector::from_iterator(7, d.iter().map(|d| d * d)));
        assert!((b * d2 * b.transpose() - c).norm() < 1e-12);
    }

    #[test]
    fn whitening_undoes_the_length_of_coloring() {
        for kind in [Covariance::Full, Covariance::Diagonal] {
            let shape = random_shape(kind);
            let z = [0.3, -1.0, 0.5, 2.0, 0.0, -0.7, 1.1];
            let w = shape.whiten(&shape.color(&z));
            let norm = |v: &[f64]| v.iter().map(|x| x * x).sum::<f64>();
            assert!((norm(&w) - norm(&z)).abs() < 1e-12);
        }
    }

    #[test]
    fn mirroring_keeps_matrix_and_decomposition_together() {
        let mut shape = random_shape(Covariance::Full);
        let z = [0.3, -1.0, 0.5, 2.0, 0.0, -0.7, 1.1];
        let before = shape.color(&z);
        shape.mirror(2);
        let after = shape.color(&z);
        assert!((0..7).all(|i| after[i] == if i == 2 { -before[i] } else { before[i] }));
        let Shape::Full { c, b, d } = &shape else {
            panic!("full")
        };
        let d2 = DMatrix::from_diagonal(&nalgebra::DVector::from_iterator(7, d.iter().map(|d| d * d)));
        assert!((b * d2 * b.transpose() - c).norm() < 1e-12);
    }

    #[test]
    fn an_unsound_matrix_is_replaced() {
        for kind in [Covariance::Full, Covariance::Diagonal] {
            let mut shape = Shape::identity(kind, 3);
            shape.update(1.0, -2.0, &[1.0, 0.0, 0.0], &[]);
            assert!(!shape.refresh());
            assert_eq!(shape.scales(), [1.0; 3]);
        }
    }
}
