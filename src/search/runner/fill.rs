//! Filling a population: ask, decode, reject what is invalid, ask on.
//!
//! NAAS discards invalid designs and samples on until the population is full (arXiv 2105.13258, section II-C), so that every
//! evaluation is spent on a design that could be built. The number of samples per population is capped: a space without
//! valid designs ends with an error instead of never.

use crate::search::optimizer::Optimizer;

/// Samples per wanted candidate after which filling a population gives up.
pub const ATTEMPTS_PER_CANDIDATE: usize = 1000;

/// Why a sample was discarded.
#[derive(Clone, Debug, PartialEq)]
pub struct Rejection {
    /// The limit that stands in the way, in words with figures.
    pub reason: String,
    /// What is needed over what there is, above one; the rejection with the smallest is the one worth reporting.
    pub excess: f64,
}

/// A valid sample and what it decodes to.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate<T> {
    /// The point of the unit box.
    pub genes: Vec<f64>,
    /// What it means.
    pub value: T,
}

/// A population that could not be filled.
#[derive(Clone, Debug, PartialEq)]
pub struct Starved {
    /// Samples drawn.
    pub attempts: usize,
    /// Valid ones among them.
    pub valid: usize,
    /// The rejection that missed by least.
    pub nearest: Option<Rejection>,
}

/// Asks `optimizer` until `count` samples decode.
///
/// # Errors
/// [`Starved`] if `count` times [`ATTEMPTS_PER_CANDIDATE`] samples do not yield `count` valid ones.
pub fn fill<T>(
    optimizer: &mut dyn Optimizer,
    count: usize,
    mut decode: impl FnMut(&[f64]) -> Result<T, Rejection>,
) -> Result<Vec<Candidate<T>>, Starved> {
    let mut candidates = Vec::with_capacity(count);
    let mut nearest: Option<Rejection> = None;
    let cap = count.saturating_mul(ATTEMPTS_PER_CANDIDATE);
    for _ in 0..cap {
        if candidates.len() == count {
            break;
        }
        let genes = optimizer.ask();
        match decode(&genes) {
            Ok(value) => candidates.push(Candidate { genes, value }),
            Err(r) => {
                optimizer.reject(&genes);
                if nearest.as_ref().is_none_or(|n| r.excess < n.excess) {
                    nearest = Some(r);
                }
            }
        }
    }
    if candidates.len() == count {
        Ok(candidates)
    } else {
        Err(Starved {
            attempts: cap,
            valid: candidates.len(),
            nearest,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::random::RandomSearch;

    fn reject_above(limit: f64) -> impl FnMut(&[f64]) -> Result<f64, Rejection> {
        move |x| {
            if x[0] <= limit {
                Ok(x[0])
            } else {
                Err(Rejection {
                    reason: format!("{} exceeds {limit}", x[0]),
                    excess: x[0] / limit,
                })
            }
        }
    }

    #[test]
    fn invalid_samples_are_replaced() {
        let mut r = RandomSearch::new(2, 8, 1);
        let found = fill(&mut r, 8, reject_above(0.2)).unwrap();
        assert!(found.len() == 8 && found.iter().all(|c| c.value <= 0.2 && c.value == c.genes[0]));
    }

    #[test]
    fn an_empty_space_ends_with_the_nearest_miss() {
        let mut r = RandomSearch::new(1, 2, 1);
        let starved = fill(&mut r, 2, reject_above(1e-9)).unwrap_err();
        assert_eq!((starved.attempts, starved.valid), (2 * ATTEMPTS_PER_CANDIDATE, 0));
        assert!(starved.nearest.unwrap().excess < 0.01 / 1e-9);
    }
}
