//! Ask and tell: what every black-box search method of this crate looks like from outside.
//!
//! A method proposes points of the unit box and is told their objectives; it knows nothing of accelerators, mappings,
//! evaluation or threads. Whoever runs it decodes, rejects, evaluates (in parallel, in any order) and tells a whole
//! population at once, in the order in which it was asked: so the result is the same on any number of threads.

use crate::search::numeric::exp;

/// A black-box minimiser over `[0, 1]^n`.
pub trait Optimizer: Send {
    /// Name as `naas list methods` prints it.
    fn name(&self) -> &'static str;

    /// Number of coordinates of a point.
    fn dimensions(&self) -> usize;

    /// Points that one call of [`Optimizer::tell`] should report.
    fn population(&self) -> usize;

    /// The next point to evaluate, every coordinate within `[0, 1]`. A caller may ask for more points than it evaluates
    /// and leave out the invalid ones (rejection sampling).
    fn ask(&mut self) -> Vec<f64>;

    /// Reports evaluated points and their objectives, where lower is better; infinity (or not a number) marks an invalid
    /// point. Only the order of the objectives matters. Points that were never asked for are welcome.
    fn tell(&mut self, evaluated: &[(Vec<f64>, f64)]);

    /// Reports a point that was asked for and turned out to break a constraint, so that it was not evaluated.
    fn reject(&mut self, _genes: &[f64]) {}

    /// Whether the method sees no use in going on from where it stands.
    fn stalled(&self) -> bool {
        false
    }
}

/// Indices of `evaluated` from the best to the worst; ties keep their order, not a number counts as infinity.
#[must_use]
pub fn ranking(evaluated: &[(Vec<f64>, f64)]) -> Vec<usize> {
    let key = |i: usize| {
        let f = evaluated[i].1;
        if f.is_nan() { f64::INFINITY } else { f }
    };
    let mut order: Vec<usize> = (0..evaluated.len()).collect();
    order.sort_by(|&a, &b| key(a).total_cmp(&key(b)));
    order
}

/// Maps a gene to one of `count` equal bins, `0..count`; `count` must not be zero.
#[must_use]
pub fn bin(gene: f64, count: usize) -> usize {
    ((gene.clamp(0.0, 1.0) * count as f64) as usize).min(count.saturating_sub(1))
}

/// Maps a gene to the range from `low` to `high` (both positive) on a logarithmic scale.
#[must_use]
pub fn log_scale(gene: f64, low: f64, high: f64) -> f64 {
    let gene = gene.clamp(0.0, 1.0);
    low * exp(gene * crate::search::numeric::ln((high / low).max(1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_points_rank_last_and_ties_keep_their_order() {
        let points: Vec<_> = [3.0, f64::NAN, 1.0, f64::INFINITY, 3.0, -1.0]
            .into_iter()
            .map(|f| (vec![0.5], f))
            .collect();
        assert_eq!(ranking(&points), [5, 2, 0, 4, 1, 3]);
    }

    #[test]
    fn bins_cover_the_unit_interval() {
        assert_eq!([0.0, 0.24, 0.25, 0.99, 1.0].map(|g| bin(g, 4)), [0, 0, 1, 3, 3]);
        assert!((log_scale(0.5, 4.0, 64.0) - 16.0).abs() < 1e-12);
        assert_eq!((log_scale(0.0, 4.0, 64.0), log_scale(0.7, 4.0, 4.0)), (4.0, 4.0));
    }
}
