//! Search: optimizers that know nothing of hardware, encodings that turn their points into designs, and the loops of
//! NAAS around them.
//!
//! | module | idea |
//! |---|---|
//! | [`optimizer`] | ask/tell, the contract of every search method |
//! | [`cma_es`], [`random`] | the methods |
//! | [`runner`] | fills populations by rejection |
//! | [`importance`] | real genes to permutations, NAAS's encoding and its comparison |
//! | [`dataflow`], [`baselines`] | published chips: the mappings that their dataflows dictate, and ours, as designs |
//! | [`prove`] | the exact mapper: branch and bound to the proven optimum |
//! | [`numeric`] | logarithm, exponential, Gaussian draws that repeat everywhere |

pub mod baselines;
pub mod cma_es;
pub mod dataflow;
pub mod design;
pub mod encoding;
pub mod exact;
pub mod heuristics;
pub mod importance;
pub mod mapper;
pub mod nested;
pub mod numeric;
pub mod optimizer;
pub mod problem;
pub mod prove;
pub mod random;
pub mod runner;

#[cfg(test)]
mod toy;
