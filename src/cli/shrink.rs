//! Shrinks a case that fails to a simple one that still does.
//!
//! Building a simulation dwarfs running it, so candidates that differ in layer and mapping only run together on one
//! accelerator, in order; the first that fails is then confirmed alone.

use crate::arch::accelerator::Accelerator;
use crate::base::diag::Result;
use crate::mapping::campaign::Case;
use crate::mapping::random::{Triple, share, simpler};

/// Candidates that run together at most.
const TOGETHER: usize = 40;

/// Runs cases that a shrinker proposes, at most a number of times.
pub struct Shrinker<F> {
    /// The layer that fails first, if any does.
    pub run: F,
    /// Runs that are left.
    pub budget: u32,
    /// Whose seed and stalls every proposed case gets.
    pub original: Case,
}

impl<F: FnMut(&Case) -> Result<Option<usize>>> Shrinker<F> {
    /// The simplest failing case that is found within the budget, given the layer that fails first.
    ///
    /// # Errors
    /// As running a case.
    pub fn shrink(&mut self, failing: usize) -> Result<Case> {
        let all = self.original.triples()?;
        let upto = &all[..=failing.min(all.len() - 1)];
        let mut set = match upto.split_last() {
            Some((alone, before)) if !before.is_empty() && self.fails(std::slice::from_ref(alone))?.is_some() => {
                vec![alone.clone()]
            }
            _ => upto.to_vec(),
        };
        // What an earlier layer left behind matters: keep those that do.
        let mut at = 0;
        while set.len() > 1 && at + 1 < set.len() {
            let mut fewer = set.clone();
            fewer.remove(at);
            if self.fails(&fewer)?.is_some() {
                set = fewer;
            } else {
                at += 1;
            }
        }
        if let [t] = &set[..] {
            set = vec![self.simplify(t.clone())?];
        }
        Ok(self.case(&set))
    }

    fn case(&self, set: &[Triple]) -> Case {
        let new = Case::new(set, self.original.seed);
        Case {
            stall: self.original.stall,
            ..new.unwrap_or_else(|| self.original.clone())
        }
    }

    fn fails(&mut self, set: &[Triple]) -> Result<Option<usize>> {
        if self.budget == 0 {
            return Ok(None);
        }
        self.budget -= 1;
        let case = self.case(set);
        (self.run)(&case)
    }

    fn simplify(&mut self, mut t: Triple) -> Result<Triple> {
        while let Some(simple) = self.step(&t)? {
            t = simple;
        }
        Ok(t)
    }

    /// The boldest simplification that fails.
    fn step(&mut self, t: &Triple) -> Result<Option<Triple>> {
        for mut candidates in groups(simpler(t)) {
            while !candidates.is_empty() {
                let mut together = candidates.clone();
                share(&mut together);
                let Some(first) = self.fails(&together)? else { break };
                let first = first.min(candidates.len() - 1);
                if self.fails(&candidates[first..=first])?.is_some() {
                    return Ok(Some(candidates.swap_remove(first)));
                }
                candidates.drain(..=first);
            }
        }
        Ok(None)
    }
}

/// Neighbours whose accelerators differ in the sizes of memories only.
fn groups(candidates: Vec<Triple>) -> Vec<Vec<Triple>> {
    let mut groups: Vec<Vec<Triple>> = Vec::new();
    for t in candidates {
        match groups.last_mut() {
            Some(group) if group.len() < TOGETHER && kin(&group[0].accelerator, &t.accelerator) => group.push(t),
            _ => groups.push(vec![t]),
        }
    }
    groups
}

fn kin(a: &Accelerator, b: &Accelerator) -> bool {
    let bare = |a: &Accelerator| {
        let mut bare = a.clone();
        bare.buffers.psum.words = 0;
        for memory in [
            &mut bare.buffers.W,
            &mut bare.buffers.I,
            &mut bare.l2.W,
            &mut bare.l2.I,
            &mut bare.l2.O,
            &mut bare.l2.P,
        ] {
            memory.bytes = 0;
        }
        bare
    };
    bare(a) == bare(b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::campaign::Campaign;
    use crate::mapping::random::Limits;

    /// A fault that shows in layers with more than three outputs per group and some padding.
    fn faulty(t: &Triple) -> bool {
        t.nest.bounds.0[0] > 3 && t.nest.pad[0] > 0
    }

    #[test]
    fn finds_the_smallest() {
        let campaign = Campaign::new(3, 200, None, Limits::default()).unwrap();
        let case = (0..campaign.cases())
            .map(|c| Case::new(&campaign.triples(c), 1).unwrap())
            .find(|c| c.triples().unwrap().iter().any(faulty))
            .unwrap();
        let (mut runs, mut layers) = (0, 0);
        let run = |c: &Case| {
            runs += 1;
            layers += c.layers.len();
            Ok(c.triples()?.iter().position(faulty))
        };
        let failing = case.triples().unwrap().iter().position(faulty).unwrap();
        let mut shrinker = Shrinker {
            run,
            budget: 1000,
            original: case,
        };
        let small = shrinker.shrink(failing).unwrap().triples().unwrap();
        let t = &small[0];
        assert!(small.len() == 1 && faulty(t));
        assert_eq!((t.nest.bounds.0[0], t.nest.n, t.nest.g), (4, 1, 1));
        assert!(layers > runs, "{runs} runs of {layers} layers: candidates run together");
    }

    /// The second layer fails only after the first: both stay, the others go.
    #[test]
    fn keeps_what_an_earlier_layer_leaves_behind() {
        let set = Campaign::new(8, 6, None, Limits::default()).unwrap().triples(0);
        let [culprit, victim] = [&set[1], &set[4]].map(|t| t.mapping);
        let run = |c: &Case| {
            let culprit = c.mappings.iter().position(|m| *m == culprit);
            let victim = c.mappings.iter().position(|m| *m == victim);
            Ok(victim.filter(|v| culprit.is_some_and(|c| c < *v)))
        };
        let mut shrinker = Shrinker {
            run,
            budget: 100,
            original: Case::new(&set, 1).unwrap(),
        };
        assert_eq!(shrinker.shrink(4).unwrap().mappings, [culprit, victim]);
    }
}
