//! Two ways to read a permutation out of real genes: by importance and by index.
//!
//! NAAS's *importance* encoding (arXiv 2105.13258, section II-B) gives every dimension a real value; sorting the values in
//! decreasing order yields the permutation, so that a small step in gene space swaps neighbours only. The *index* encoding,
//! its comparison, numbers all permutations and lets one gene pick the number, so that neighbouring genes mean unrelated
//! orders.

use crate::search::optimizer::bin;
use serde::{Deserialize, Serialize};

/// How genes say an order or a choice of dimensions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// One gene per item; sorted in decreasing order.
    #[default]
    Importance,
    /// One gene in all; the number of the permutation.
    Index,
}

impl Encoding {
    /// Genes that an order of `items` items takes.
    #[must_use]
    pub const fn genes(self, items: usize) -> usize {
        match self {
            Self::Importance => items,
            Self::Index => 1,
        }
    }

    /// The first `chosen` positions of the order of `items` items that `genes` say.
    #[must_use]
    pub fn choose(self, genes: &[f64], items: usize, chosen: usize) -> Vec<usize> {
        match self {
            Self::Importance => {
                let mut order = by_importance(genes);
                order.truncate(chosen);
                order
            }
            Self::Index => by_index(genes[0], items, chosen),
        }
    }

    /// Genes that [`Encoding::choose`] reads as `order`, a permutation or the beginning of one, of `items` items.
    #[must_use]
    pub fn encode(self, order: &[usize], items: usize) -> Vec<f64> {
        match self {
            Self::Importance => {
                let mut genes = vec![0.0; items];
                for (place, &item) in order.iter().enumerate() {
                    genes[item] = 1.0 - (place as f64 + 0.5) / items as f64;
                }
                genes
            }
            Self::Index => {
                let count = arrangements(items, order.len());
                vec![(lehmer_rank(order, items) as f64 + 0.5) / count as f64]
            }
        }
    }
}

/// Positions of `importances` sorted by value in decreasing order; equal values keep their position's order.
#[must_use]
pub fn by_importance(importances: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..importances.len()).collect();
    order.sort_by(|&a, &b| importances[b].total_cmp(&importances[a]));
    order
}

/// The arrangement of `chosen` out of `items` items whose number is `gene`'s bin among all arrangements.
#[must_use]
pub fn by_index(gene: f64, items: usize, chosen: usize) -> Vec<usize> {
    lehmer_unrank(bin(gene, arrangements(items, chosen)), items, chosen)
}

/// Ordered choices of `chosen` out of `items` items: `items! / (items - chosen)!`.
#[must_use]
pub fn arrangements(items: usize, chosen: usize) -> usize {
    (0..chosen).map(|i| items.saturating_sub(i)).product()
}

/// The arrangement with number `rank` in lexicographic order, by its Lehmer code.
#[must_use]
pub fn lehmer_unrank(rank: usize, items: usize, chosen: usize) -> Vec<usize> {
    let mut left: Vec<usize> = (0..items).collect();
    let mut rank = rank;
    (0..chosen)
        .map(|place| {
            let below = arrangements(items - place - 1, chosen - place - 1);
            let digit = (rank / below).min(left.len() - 1);
            rank %= below;
            left.remove(digit)
        })
        .collect()
}

/// The lexicographic number of `order` among the arrangements of as many out of `items` items.
#[must_use]
pub fn lehmer_rank(order: &[usize], items: usize) -> usize {
    let mut left: Vec<usize> = (0..items).collect();
    let mut rank = 0;
    for (place, item) in order.iter().enumerate() {
        let digit = left.iter().position(|x| x == item).unwrap_or(0);
        left.remove(digit);
        rank += digit * arrangements(items - place - 1, order.len() - place - 1);
    }
    rank
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::dims::Dim;

    fn dims(order: &[usize]) -> Vec<Dim> {
        order.iter().map(|&i| Dim::ALL[i]).collect()
    }

    #[test]
    fn examples_of_the_paper() {
        use Dim::{C, K, R, S, X, Y};
        let axes = Encoding::Importance.choose(&[4.0, 6.0, 2.0, 2.0, 3.0, 1.0], 6, 2);
        assert_eq!(dims(&axes), [C, K]);
        let order = by_importance(&[3.0, 5.0, 2.0, 4.0, 5.0, 1.0]);
        assert_eq!(dims(&order), [C, R, X, K, Y, S]);
    }

    #[test]
    fn ties_go_by_position() {
        assert_eq!(by_importance(&[0.5; 6]), [0, 1, 2, 3, 4, 5]);
        assert_eq!(by_importance(&[0.0, 1.0, 0.0, 1.0]), [1, 3, 0, 2]);
    }

    #[test]
    fn index_counts_through_all_arrangements_once() {
        for (items, chosen) in [(6, 6), (6, 2), (4, 2), (4, 3), (3, 1), (1, 1)] {
            let count = arrangements(items, chosen);
            let mut last = Vec::new();
            for rank in 0..count {
                let a = lehmer_unrank(rank, items, chosen);
                assert_eq!(lehmer_rank(&a, items), rank);
                assert!(a > last, "lexicographic order");
                let mut sorted = a.clone();
                sorted.sort_unstable();
                sorted.dedup();
                assert!(sorted.len() == chosen && sorted.iter().all(|&i| i < items));
                last = a;
            }
        }
        assert_eq!((arrangements(6, 6), arrangements(6, 2)), (720, 30));
    }

    #[test]
    fn encoding_is_undone_by_choosing() {
        for rank in 0..720 {
            let order = lehmer_unrank(rank, 6, 6);
            for encoding in [Encoding::Importance, Encoding::Index] {
                let genes = encoding.encode(&order, 6);
                assert_eq!(genes.len(), encoding.genes(6));
                assert_eq!(encoding.choose(&genes, 6, 6), order);
                let pair = &order[..2];
                assert_eq!(encoding.choose(&encoding.encode(pair, 6), 6, 2), pair);
            }
        }
    }

    #[test]
    fn index_ends_are_the_first_and_last_permutation() {
        assert_eq!(by_index(0.0, 6, 6), [0, 1, 2, 3, 4, 5]);
        assert_eq!(by_index(1.0, 6, 6), [5, 4, 3, 2, 1, 0]);
    }
}
