//! Several searches that take turns, a generation each: for problems that ask for something else from one generation to the
//! next, and so need a distribution per question.

use crate::search::optimizer::Optimizer;

/// Searches that take turns.
pub struct Islands<'a> {
    members: Vec<Box<dyn Optimizer + 'a>>,
    turn: usize,
}

impl<'a> Islands<'a> {
    /// The first of `members`, of which there is at least one, has the first generation.
    #[must_use]
    pub fn new(members: Vec<Box<dyn Optimizer + 'a>>) -> Self {
        Self { members, turn: 0 }
    }
}

impl Optimizer for Islands<'_> {
    fn name(&self) -> &'static str {
        self.members[self.turn].name()
    }

    fn dimensions(&self) -> usize {
        self.members[self.turn].dimensions()
    }

    fn population(&self) -> usize {
        self.members[self.turn].population()
    }

    fn ask(&mut self) -> Vec<f64> {
        self.members[self.turn].ask()
    }

    fn tell(&mut self, evaluated: &[(Vec<f64>, f64)]) {
        self.members[self.turn].tell(evaluated);
        self.turn = (self.turn + 1) % self.members.len();
    }

    fn reject(&mut self, genes: &[f64]) {
        self.members[self.turn].reject(genes);
    }

    /// Stalled only where all are: a population that has converged costs little next to losing the others.
    fn stalled(&self) -> bool {
        self.members.iter().all(|m| m.stalled())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::random::RandomSearch;

    #[test]
    fn each_has_its_turn() {
        let alone = |seed| RandomSearch::new(2, 3, seed);
        let mut islands = Islands::new(vec![Box::new(alone(1)), Box::new(alone(2))]);
        let mut members = [alone(1), alone(2)];
        for generation in 0..5 {
            let member = &mut members[generation % 2];
            assert_eq!([islands.ask(), islands.ask()], [member.ask(), member.ask()]);
            islands.tell(&[]);
        }
    }
}
