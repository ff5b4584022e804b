//! Seeded randomness: one named generator (ChaCha8), one derived stream per candidate.
//!
//! A candidate's stream depends on the run's seed and on the candidate's own path of indices only, never on the thread
//! that evaluates it; so a run gives the same bytes on any number of threads.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// The generator used everywhere.
pub type Rng = ChaCha8Rng;

/// The stream of `path` under `seed`; paths of different length or content give unrelated streams.
#[must_use]
pub fn stream(seed: u64, path: &[u64]) -> Rng {
    let mut state = splitmix(seed ^ 0x6e61_6173_0000_0000);
    for &step in path {
        state = splitmix(state ^ splitmix(step.wrapping_add(0x9e37_79b9_7f4a_7c15)));
    }
    Rng::seed_from_u64(splitmix(state ^ path.len() as u64))
}

/// One step of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014), used to spread path indices over the seed.
const fn splitmix(x: u64) -> u64 {
    let z = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng as _;

    #[test]
    fn streams_repeat_and_differ() {
        let draw = |seed, path: &[u64]| stream(seed, path).next_u64();
        assert_eq!(draw(1, &[2, 3]), draw(1, &[2, 3]));
        assert_ne!(draw(1, &[2, 3]), draw(1, &[3, 2]));
        assert_ne!(draw(1, &[2]), draw(1, &[2, 0]));
        assert_ne!(draw(1, &[2]), draw(2, &[2]));
    }
}
