//! The cost model against independent counts: the walk over all jobs, and naive loops over all multiply-accumulates.

use naas::base::rng::stream;
use naas::cost::counts::tally;
use naas::cost::walk::walk;
use naas::mapping::random::{Limits, random_triple};

#[test]
fn closed_form_counts_equal_the_walk() {
    let limits = Limits::default();
    for seed in 0..3000 {
        let t = random_triple(&mut stream(seed, &[]), &limits);
        let s = t.schedule();
        assert_eq!(walk(&s).tally, tally(&s), "seed {seed} {t:#?}");
    }
}

#[test]
fn composition_equals_the_walk() {
    let limits = Limits::default();
    let mut e = naas::cost::cycles::Evaluator::new();
    for seed in 0..10000 {
        let t = random_triple(&mut stream(seed, &[]), &limits);
        let s = t.schedule();
        assert_eq!(walk(&s).cycles, e.cycles(&s), "seed {seed} {t:#?}");
    }
}
