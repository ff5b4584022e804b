//! Random search: independent uniform points, the baseline that NAAS compares its search with (arXiv 2105.13258, fig. 5).

use crate::base::rng::stream;
use crate::search::numeric::uniform;
use crate::search::optimizer::Optimizer;

/// Uniform sampling of the unit box; learns nothing.
#[derive(Clone, Debug)]
pub struct RandomSearch {
    dimensions: usize,
    population: usize,
    seed: u64,
    asked: u64,
}

impl RandomSearch {
    /// A random search over `dimensions` coordinates that is told `population` points at a time.
    #[must_use]
    pub fn new(dimensions: usize, population: usize, seed: u64) -> Self {
        Self {
            dimensions,
            population: population.max(1),
            seed,
            asked: 0,
        }
    }
}

impl Optimizer for RandomSearch {
    fn name(&self) -> &'static str {
        "random"
    }

    fn dimensions(&self) -> usize {
        self.dimensions
    }

    fn population(&self) -> usize {
        self.population
    }

    fn ask(&mut self) -> Vec<f64> {
        let mut rng = stream(self.seed, &[self.asked]);
        self.asked += 1;
        (0..self.dimensions).map(|_| uniform(&mut rng)).collect()
    }

    fn tell(&mut self, _evaluated: &[(Vec<f64>, f64)]) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_by_seed_and_stays_in_the_box() {
        let draw = |seed| {
            let mut r = RandomSearch::new(3, 4, seed);
            (0..100).map(|_| r.ask()).collect::<Vec<_>>()
        };
        assert_eq!(draw(5), draw(5));
        assert_ne!(draw(5), draw(6));
        assert!(draw(5).iter().flatten().all(|x| (0.0..1.0).contains(x)));
    }
}
