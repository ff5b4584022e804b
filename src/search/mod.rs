//! Search: optimizers that know nothing of hardware, encodings that turn their points into designs, and the loops of
//! NAAS around them.
//!
//! | module | idea |
//! |---|---|
//! | [`optimizer`] | ask/tell, the contract of every search method |
//! | [`cma_es`], [`random`] | the methods |
//! | [`runner`] | fills populations by rejection |
//! | [`importance`] | real genes to permutations, NAAS's encoding and its comparison |
//! | [`numeric`] | logarithm, exponential, Gaussian draws that repeat everywhere |

pub mod cma_es;
pub mod encoding;
pub mod heuristics;
pub mod importance;
pub mod mapper;
pub mod numeric;
pub mod optimizer;
pub mod problem;
pub mod random;
pub mod runner;

#[cfg(test)]
mod study;
#[cfg(test)]
mod toy;
